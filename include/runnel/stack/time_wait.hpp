// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/sequence.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstdint>

namespace runnel::inline v0::stack {

/// What is kept of a connection in TIME-WAIT (RFC 9293 3.3.2), without its addresses.
struct time_wait_entry {
    time_point expires{};
    sequence next;     // SND.NXT
    sequence expected; // RCV.NXT
    std::uint32_t peer_timestamp = 0;
    std::uint32_t timestamp_offset = 0;
    bool timestamps = false;

    enum class verdict : std::uint8_t {
        ignore,      // nothing is to be done
        acknowledge, // the last acknowledgment again
        reopen,      // a SYN that may begin a new connection (RFC 6191 2)
    };
    /// What to do with a segment. May put `expires` off, to `now` plus `span`.
    verdict take(const tcp_header& header, std::uint32_t length, duration span,
                 time_point now) noexcept;
    /// The acknowledgment to send.
    void acknowledge(tcp_header& out, time_point now) const noexcept;
};

} // namespace runnel::inline v0::stack
