// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace runnel::inline v0::stack {

/// Why a segment, or a part of one, was not used.
enum class tcp_drop : std::uint8_t {
    /// Shorter than a header, or than the header says.
    truncated,
    /// Its checksum is wrong.
    bad_checksum,
    /// An option's length is impossible, or wrong for its kind.
    bad_option,
    /// Flags that contradict each other, or none at all.
    bad_flags,
    /// No connection and no listener.
    no_connection,
    /// Lies outside of the receive window (RFC 9293 3.10.7.4).
    outside_window,
    /// All of its bytes came before.
    duplicate,
    /// Older than what came already, by its timestamp (RFC 7323 5).
    old_timestamp,
    /// A reset that does not hit the next byte exactly (RFC 5961 3).
    inexact_reset,
    /// A SYN inside a connection (RFC 5961 4).
    unexpected_syn,
    /// No acknowledgment where there has to be one.
    no_ack,
    /// Acknowledges what was never sent, or long ago (RFC 5961 5).
    bad_ack,
    /// Data after the end of the peer's stream.
    after_end,
    /// Too many holes or too many small pieces out of order.
    reassembly_limit,
    /// The backlog is full.
    backlog_full,
    /// A cookie in an ACK that we did not make, or too long ago.
    bad_cookie,
    /// The connection is over.
    closed,
};

/// How many reasons there are.
inline constexpr std::size_t tcp_drop_count = static_cast<std::size_t>(tcp_drop::closed) + 1;

/// A name for a reason, as in "outside_window".
[[nodiscard]] std::string_view name(tcp_drop reason) noexcept;

/// What a stack's TCP did so far. Counters never go back.
struct tcp_counters {
    std::uint64_t segments_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t segments_sent = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t resets_received = 0;
    std::uint64_t resets_sent = 0;
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_failed = 0;
    std::uint64_t bytes_retransmitted = 0;
    std::uint64_t retransmission_timeouts = 0;
    std::uint64_t loss_probes = 0;
    std::uint64_t fast_recoveries = 0;
    /// Recoveries and timeouts that turned out to be needless and were undone.
    std::uint64_t undone = 0;
    std::uint64_t duplicates_reported = 0;
    /// The peer dropped what it had reported as received (RFC 2018 8).
    std::uint64_t reneged = 0;
    std::uint64_t zero_window_probes = 0;
    std::uint64_t keepalive_probes = 0;
    std::uint64_t challenge_acks = 0;
    /// Challenge ACKs that were due, but above the limit (RFC 5961 7).
    std::uint64_t challenge_acks_withheld = 0;
    std::uint64_t cookies_sent = 0;
    std::uint64_t cookies_accepted = 0;
    /// Nothing large arrived any more, so the segment size was taken back (RFC 8899 4.3).
    std::uint64_t black_holes = 0;
    std::uint64_t path_probes = 0;
    std::uint64_t path_probes_lost = 0;
    std::array<std::uint64_t, tcp_drop_count> dropped{};

    void drop(tcp_drop reason) noexcept { ++dropped[static_cast<std::size_t>(reason)]; }
    [[nodiscard]] std::uint64_t drops(tcp_drop reason) const noexcept {
        return dropped[static_cast<std::size_t>(reason)];
    }
};

} // namespace runnel::inline v0::stack
