// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/congestion.hpp"
#include "runnel/stack/rtt_estimator.hpp"
#include "runnel/stack/sequence.hpp"
#include "runnel/stack/tcp_config.hpp"

#include <cstdint>
#include <memory>

namespace runnel::inline v0::stack {

/// What a program set for one connection, where it differs from the configuration.
struct tcp_patience {
    tcp_keepalive keepalive;
    duration user_timeout{};
};

/// All that an open connection has to remember while nothing is sent, waited for or to be read: an
/// eighth of what one in use takes. Times are left out, because a connection rests only after a
/// pause that is longer than all that is measured by them.
struct tcp_rest {
    // The sending half.
    sequence una; // SND.NXT is the same
    sequence window_number;
    std::uint32_t window = 0;
    std::uint32_t largest_window = 0;
    std::uint64_t delivered = 0;
    std::uint64_t retransmitted = 0;
    float delivery_rate = 0;
    congestion_memory control;
    rtt_memory round_trip;
    std::uint16_t segment_size = 0;
    std::uint16_t max_send_size = 0;
    std::uint8_t reorder_multiplier = 1;
    std::uint8_t reorder_persist = 0;

    // The receiving half.
    std::uint16_t arriving_size = 0; // of the largest segment that came
    sequence expected;               // RCV.NXT
    sequence edge;
    std::uint32_t receive_limit = 0;

    std::uint16_t largest_segment_size = 0; // where searching for the path's ends
    std::uint64_t received = 0;

    // What both agreed on.
    std::uint32_t timestamp_offset = 0;
    std::uint32_t peer_timestamp = 0;
    std::uint32_t since = 0; // when it was last in use, in seconds of the clock
    std::uint16_t max_segment_size = 0;
    std::uint8_t peer_scale = 0;
    bool scaling : 1 = false;
    bool selective_ack : 1 = false;
    bool timestamps : 1 = false;
    bool ecn : 1 = false;
    bool active : 1 = false;
    bool no_delay : 1 = false;
    bool corked : 1 = false;
    bool reordering_seen : 1 = false;

    std::unique_ptr<tcp_patience> patience; // null: as the configuration says
};

} // namespace runnel::inline v0::stack
