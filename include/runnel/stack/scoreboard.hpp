// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/recycled.hpp"
#include "runnel/stack/ring.hpp"
#include "runnel/stack/send_buffer.hpp"
#include "runnel/stack/sequence.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::stack {

/// Bytes that were sent together and are not acknowledged: one segment, or many equal ones that
/// left as one. What happens to a part of them splits them at a border of segments.
struct transmission {
    enum class status : std::uint8_t { in_flight, sacked, lost };

    sequence begin;
    std::uint32_t length = 0; // what it takes of the sequence space
    time_point sent{};        // last
    // What the connection had delivered when this left: for estimating the rate of delivery.
    std::uint64_t delivered = 0;
    time_point delivered_at{};
    time_point first_sent{};
    send_buffer::place data;
    std::uint32_t previous = 0; // in the list that its status puts it in
    std::uint32_t next = 0;
    std::uint16_t segment_size = 1;
    status state = status::in_flight;
    std::uint8_t times_retransmitted = 0; // stops at 255
    bool fin = false;                     // its last place is the FIN
    bool application_limited = false;
    bool path_probe = false; // larger than what is known to arrive

    [[nodiscard]] sequence end() const noexcept { return begin + length; }
    [[nodiscard]] std::uint32_t payload() const noexcept { return length - (fin ? 1U : 0U); }
};

/// What an acknowledgment told about what was sent.
struct delivery_report {
    std::uint32_t acked = 0;     // of the sequence space, cumulatively
    std::uint32_t delivered = 0; // for the first time, by ACK or SACK
    /// The transmission sent last of those delivered that count for RACK (RFC 8985 6.2 step 1).
    bool has_latest = false;
    time_point latest_sent{};
    sequence latest_end;
    bool latest_retransmitted = false;
    /// The first place that is acknowledged was sent twice, the second time then: which of the two
    /// arrived, a timestamp tells.
    bool has_repair = false;
    time_point repair_sent{};
    /// Something was delivered that was sent more than once: then nothing can be said about how
    /// long what waited behind it took.
    bool retransmission_delivered = false;
    /// Of those delivered that were sent once: when the first and the last of them left.
    bool has_rtt = false;
    time_point oldest_original{};
    time_point newest_original{};
    /// Something that was sent once was delivered, and it lay before this place.
    bool original_delivered = false;
    sequence lowest_original;
    /// Of the transmission that knew of the most deliveries: the start of a rate sample.
    bool has_rate = false;
    std::uint64_t prior_delivered = 0;
    time_point prior_delivered_at{};
    time_point prior_first_sent{};
    time_point rate_sent{};
    bool rate_application_limited = false;
};

/// Everything of a connection that is sent and not acknowledged, with what is known of each part.
///
/// In the order of the stream it is an array of handles, so that a place is found by halving; those
/// in flight are also in a list in the order they were sent, which is the one that RACK walks;
/// those lost are in a list in the order they are to be sent again. Neighbours that are both sacked
/// are made one, so what an acknowledgment costs depends on what is new in it. A transmission is
/// split only at its own segments' borders: no peer can make more parts than segments were sent.
class scoreboard {
public:
    using handle = std::uint32_t;
    static constexpr handle none = 0xffff'ffff;
    /// More parts than this are never outstanding: the connection sends no more until some are
    /// acknowledged. 16384 segments of 1460 bytes are 23 MB.
    static constexpr std::size_t max_transmissions = 16384;

    [[nodiscard]] bool empty() const noexcept { return order_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
    [[nodiscard]] bool full() const noexcept { return order_.size() >= max_transmissions; }

    /// Appends a transmission, in flight, sent last of all.
    handle push(const transmission& what);

    transmission& operator[](handle which) noexcept { return slab_[which]; }
    [[nodiscard]] handle first() const noexcept { return empty() ? none : order_[0]; }
    [[nodiscard]] handle last() const noexcept { return empty() ? none : order_[size() - 1]; }
    /// The one sent longest ago of those in flight, and the one sent after another.
    [[nodiscard]] handle oldest_in_flight() const noexcept { return in_flight_.head; }
    [[nodiscard]] handle first_lost() const noexcept { return lost_.head; }

    [[nodiscard]] std::uint32_t in_flight_bytes() const noexcept { return in_flight_.bytes; }
    [[nodiscard]] std::uint32_t lost_bytes() const noexcept { return lost_.bytes; }
    [[nodiscard]] std::uint32_t sacked_bytes() const noexcept { return sacked_bytes_; }
    [[nodiscard]] sequence highest_sacked() const noexcept { return highest_sacked_; }

    /// Takes a cumulative acknowledgment up to `ack`, which must not lie behind the last place.
    void acknowledge(sequence ack, send_buffer& data, delivery_report& report) noexcept;
    /// Takes one SACK block inside of what is outstanding.
    void sack(sequence_range block, send_buffer& data, delivery_report& report);

    /// Counts one in flight as lost.
    void mark_lost(handle which) noexcept;
    /// Counts everything in flight as lost, in the order of the stream.
    void mark_all_lost() noexcept;
    /// Counts the lost as in flight again: they were not lost (RFC 4015).
    void unmark_lost() noexcept;
    /// Forgets what is sacked, because the peer may have dropped it (RFC 2018 8).
    void forget_sacked() noexcept;

    /// Keeps the first `length` of the sequence space in `which` and makes the rest a transmission
    /// of its own; 0 < length < its length.
    void split(handle which, std::uint32_t length, send_buffer& data);
    /// Says that `which`, lost or in flight, was sent again.
    void retransmitted(handle which, time_point now) noexcept;

    /// Gives all memory back. Everything must be acknowledged.
    void shrink() noexcept;
    /// Bytes of memory held.
    [[nodiscard]] std::size_t footprint() const noexcept {
        return slab_.capacity() * sizeof(transmission) + order_.capacity() * sizeof(handle);
    }

private:
    struct list {
        handle head = none;
        handle tail = none;
        std::uint32_t bytes = 0;
    };

    [[nodiscard]] std::size_t find(sequence place) const noexcept;
    handle make(const transmission& what);
    void free(handle which) noexcept;
    list* list_of(const transmission& one) noexcept;
    void append(list& where, handle which) noexcept;
    void insert_after(list& where, handle which, handle position) noexcept;
    void remove(list& where, handle which) noexcept;
    static void note(const transmission& one, sequence end, std::uint32_t bytes,
                     delivery_report& report) noexcept;
    void split_at(std::size_t index, std::uint32_t length, send_buffer& data);
    void merge_sacked(std::size_t index) noexcept;
    void take_sacked(std::size_t index, delivery_report& report) noexcept;

    recycled_vector<transmission> slab_;
    handle free_ = none;
    ring<handle> order_;
    list in_flight_;
    list lost_;
    std::uint32_t sacked_bytes_ = 0;
    sequence highest_sacked_;
};

} // namespace runnel::inline v0::stack
