// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/sequence.hpp"
#include "runnel/stack/tcp_config.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace runnel::inline v0::stack {

/// What an acknowledgment tells congestion control.
struct congestion_sample {
    time_point now{};
    std::uint32_t acked = 0;           // bytes, cumulatively
    std::uint32_t delivered = 0;       // bytes, cumulatively or selectively
    std::uint32_t lost = 0;            // bytes found lost by this acknowledgment
    std::uint32_t in_flight = 0;       // bytes, after it
    std::uint32_t prior_in_flight = 0; // bytes, before it
    duration rtt{};                    // of this acknowledgment, 0 if it gives none
    duration smoothed_rtt{};
    duration minimum_rtt{};
    sequence una;                // what is acknowledged now
    sequence next;               // the next place to be sent
    bool window_limited = false; // the window was the reason not to send more
    bool in_recovery = false;    // lost segments are being repaired
    // The rate of delivery over the last flight, in bytes a second; 0 if there is no sample.
    std::uint64_t delivery_rate = 0;
    bool application_limited = false;
    std::uint64_t total_delivered = 0; // bytes, ever
    std::uint64_t prior_delivered = 0; // the same when the sample's segment was sent
};

/// What is worth knowing of a path after a pause: of all controllers windows in bytes, and two
/// numbers that each has its own use for.
struct congestion_memory {
    std::uint32_t window = 0;
    std::uint32_t threshold = 0;
    float first = 0;
    float second = 0;
};

/// How much may be in flight. One object a connection; it never sees a segment.
class congestion {
public:
    /// RFC 5681 3.1: "arbitrarily high".
    static constexpr std::uint32_t unlimited = 0x4000'0000;

    congestion(std::uint32_t segment_size, std::uint32_t initial_window) noexcept
        : segment_size_(segment_size), window_(initial_window * segment_size),
          initial_window_(window_) {}
    virtual ~congestion() = default;
    congestion(const congestion&) = delete;
    congestion& operator=(const congestion&) = delete;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Something new was acknowledged.
    virtual void on_ack(const congestion_sample& sample) noexcept = 0;
    /// A loss was found by acknowledgments; once a flight. `in_flight` is from before it, and
    /// counts what is sacked, too (FlightSize, RFC 5681 2), unless the controller owns recovery.
    virtual void on_loss(time_point now, std::uint32_t in_flight) noexcept = 0;
    /// The peer echoed a congestion mark; once a flight (RFC 3168 6.1.2, RFC 8511).
    virtual void on_mark(time_point now, std::uint32_t in_flight) noexcept = 0;
    /// The retransmission timeout passed. `first` unless the same data timed out before.
    virtual void on_timeout(time_point now, std::uint32_t in_flight, bool first) noexcept;
    /// Everything that was lost is repaired.
    virtual void on_recovered(time_point now) noexcept;
    /// The last loss or timeout was none: what it changed is to be as before (RFC 4015).
    virtual void undo(time_point now) noexcept;
    /// Nothing was in flight for longer than a timeout (RFC 5681 4.1).
    virtual void on_idle(time_point now) noexcept;
    /// Whether recovery is paced by `window()` itself instead of by PRR (RFC 6937).
    [[nodiscard]] virtual bool owns_recovery() const noexcept { return false; }
    /// Bytes a second to send at; 0 for as fast as the window allows.
    [[nodiscard]] virtual std::uint64_t pacing_rate() const noexcept { return 0; }

    /// What is kept of it while the connection rests, and how another one goes on from it. `then`:
    /// when the connection was last in use.
    [[nodiscard]] virtual congestion_memory memory() const noexcept {
        return {window_, threshold_, 0, 0};
    }
    virtual void recall(const congestion_memory& from, time_point /*then*/) noexcept {
        window_ = from.window;
        threshold_ = from.threshold;
    }

    /// The path carries other sizes now; the window stays the same number of bytes.
    virtual void set_segment_size(std::uint32_t bytes) noexcept { segment_size_ = bytes; }

    [[nodiscard]] std::uint32_t window() const noexcept { return window_; }
    [[nodiscard]] std::uint32_t threshold() const noexcept { return threshold_; }
    [[nodiscard]] bool slow_start() const noexcept { return window_ < threshold_; }

protected:
    /// Half of what is in flight, or another part of it, but at least two segments (RFC 5681 3.1).
    [[nodiscard]] std::uint32_t reduced(std::uint32_t in_flight, double factor) const noexcept;
    void save() noexcept;
    void grow_slow_start(const congestion_sample& sample) noexcept;

    std::uint32_t segment_size_;
    std::uint32_t window_;
    std::uint32_t threshold_ = unlimited;
    std::uint32_t initial_window_;
    std::uint32_t prior_window_ = 0;
    std::uint32_t prior_threshold_ = unlimited;
};

/// A controller of a kind, with a window of `initial_window` segments.
[[nodiscard]] std::unique_ptr<congestion>
make_congestion(congestion_kind kind, std::uint32_t segment_size, std::uint32_t initial_window);

} // namespace runnel::inline v0::stack
