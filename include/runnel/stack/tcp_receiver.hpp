// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/stack/receive_queue.hpp"
#include "runnel/stack/tcp_config.hpp"
#include "runnel/stack/tcp_counters.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace runnel::inline v0::stack {

struct tcp_rest;

/// The receiving half of a connection: what came, the window that is offered, and when an
/// acknowledgment is due.
class tcp_receiver {
public:
    tcp_receiver(const tcp_config& config, tcp_counters& counters) noexcept
        : config_(&config), counters_(&counters), limit_(config.receive_buffer) {}

    /// The shift that the largest buffer of a configuration needs (RFC 7323 2.2).
    [[nodiscard]] static std::uint8_t scale_for(std::uint32_t largest_buffer) noexcept;

    /// The peer's first byte has place `first`. `scale`: of the windows we offer. `offered`: the
    /// window that the handshake offered already.
    void start(sequence first, std::uint8_t scale, bool selective_ack,
               std::uint32_t offered) noexcept;

    /// What an arrival changed.
    struct arrival {
        bool readable = false;
        bool finished = false; // the peer's stream is complete, just now
    };
    /// Takes the payload of an acceptable segment, or of many that were made one (GRO).
    arrival take(sequence number, buffer payload, bool fin, time_point now);

    /// Whether a segment that begins at `number` and takes `length` places is acceptable: some of
    /// it may lie in the window, or it carries nothing and touches it (RFC 9293 3.10.7.4).
    [[nodiscard]] bool acceptable(sequence number, std::uint32_t length) const noexcept {
        return number + length >= queue_.next() && number <= edge_;
    }
    [[nodiscard]] sequence next() const noexcept { return queue_.next(); }
    [[nodiscard]] sequence edge() const noexcept { return edge_; }
    [[nodiscard]] bool finished() const noexcept { return finished_; }

    // ---- acknowledgments

    /// One is to leave with the next burst.
    void acknowledge_now() noexcept { now_ = true; }
    [[nodiscard]] bool ack_due(time_point now) const noexcept {
        return now_ || extra_acks_ > 0 || deadline_ <= now;
    }
    [[nodiscard]] time_point deadline() const noexcept { return now_ ? never : deadline_; }
    /// The window for the next segment, as it goes on the wire; what it offers is a promise.
    std::uint16_t offer() noexcept;
    /// Adds SACK blocks, a duplicate report first.
    void report(sack_blocks& blocks, std::size_t limit) noexcept;
    /// A segment with the current acknowledgment leaves.
    void acknowledged() noexcept;
    /// Notes a range that came twice (RFC 2883).
    void note_duplicate(sequence_range range) noexcept;
    [[nodiscard]] sequence last_acknowledged() const noexcept { return last_acknowledged_; }

    // ---- the program

    [[nodiscard]] std::size_t readable() const noexcept { return queue_.readable(); }
    [[nodiscard]] buffer read(time_point now, duration round_trip);
    std::size_t read_into(std::span<std::byte> target, time_point now, duration round_trip);
    /// Nobody reads any more: what comes is acknowledged and dropped.
    void discard();
    /// The largest number of bytes kept for the program; never less than is promised.
    void set_limit(std::uint32_t bytes) noexcept { limit_ = bytes; }

    [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
    [[nodiscard]] const receive_queue& queue() const noexcept { return queue_; }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    void clear() noexcept { queue_.clear(); }

    /// See the calls of these names of `tcp_sender`.
    [[nodiscard]] bool may_rest() const noexcept;
    void rest(tcp_rest& out) const noexcept;
    void wake(const tcp_rest& from, std::uint8_t scale) noexcept;

private:
    [[nodiscard]] std::uint32_t free_space() const noexcept;
    void after_read(std::size_t bytes, time_point now, duration round_trip);
    void schedule(std::size_t bytes, receive_queue::outcome outcome, time_point now);

    const tcp_config* config_;
    tcp_counters* counters_;
    receive_queue queue_;
    sequence edge_;              // the right edge of the window: never goes back
    sequence last_acknowledged_; // Last.ACK.sent
    std::optional<sequence> fin_;
    std::optional<sequence_range> duplicate_;
    time_point deadline_ = never;
    time_point last_arrival_{};
    time_point measure_began_{};
    std::uint64_t received_ = 0;
    std::uint32_t measured_ = 0; // bytes read since then
    std::uint32_t limit_;
    std::uint32_t unacknowledged_ = 0; // bytes that came since the last acknowledgment
    std::uint16_t segment_size_ = 536; // the largest that came, up to now
    std::uint8_t scale_ = 0;
    std::uint8_t quick_acks_ = 0;
    std::uint8_t extra_acks_ = 0;
    bool selective_ack_ = false;
    bool now_ = false;
    bool hole_pending_ = false; // what is to be acknowledged lies behind a hole
    bool finished_ = false;
    bool discarding_ = false;
};

} // namespace runnel::inline v0::stack
