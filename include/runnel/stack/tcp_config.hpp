// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/rtt_estimator.hpp"

#include <chrono>
#include <cstdint>

namespace runnel::inline v0::stack {

enum class congestion_kind : std::uint8_t { new_reno, cubic, bbr };

/// When to ask a silent peer whether it is still there (RFC 9293 3.8.4). Off unless `after` is set.
struct tcp_keepalive {
    /// How long nothing may come before the first probe; 0 for no keepalive.
    duration after{};
    duration interval = std::chrono::seconds(75);
    /// How many probes may stay unanswered before the connection ends as `timed_out`.
    std::uint32_t count = 9;
};

/// How connections behave. One object is shared by many and must outlive them.
struct tcp_config {
    /// The largest payload the path's first link carries in one segment, without options.
    std::uint16_t max_segment_size = 1460;
    /// The largest super-segment handed down, in bytes; `max_segment_size` where nobody below cuts.
    std::uint32_t max_send_size = 65'483;
    /// Buffers begin with this many bytes and grow up to the second number as the path needs.
    std::uint32_t receive_buffer = 128U << 10U;
    std::uint32_t max_receive_buffer = 8U << 20U;
    std::uint32_t send_buffer = 64U << 10U;
    std::uint32_t max_send_buffer = 8U << 20U;

    bool window_scaling = true;
    bool timestamps = true;
    bool selective_ack = true;
    bool ecn = true;
    /// Whether a segment size that was taken back is raised again by trying (RFC 4821).
    bool path_probing = true;
    congestion_kind congestion = congestion_kind::cubic;
    /// Segments that may be sent before the first acknowledgment (RFC 6928).
    std::uint32_t initial_window = 10;

    rtt_estimator::limits retransmission;
    /// How long an acknowledgment may wait for data to ride on (RFC 9293 3.8.6.3: below 500 ms).
    duration delayed_ack = std::chrono::milliseconds(40);
    /// How long what was sent may stay unacknowledged (RFC 9293 3.9.1: five minutes).
    duration user_timeout = std::chrono::minutes(5);
    /// How long a connection may take to open.
    duration connect_timeout = std::chrono::seconds(127);
    /// Twice the time a segment is thought to live in the network (RFC 9293 3.4.2).
    duration time_wait = std::chrono::seconds(60);
    /// How long a peer may take to end its stream after we closed and nobody reads any more.
    duration orphan_timeout = std::chrono::seconds(60);
    tcp_keepalive keepalive;
    /// Whether small segments are sent at once (RFC 9293 3.7.4: Nagle's algorithm is off).
    bool no_delay = false;
};

} // namespace runnel::inline v0::stack
