// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <cstdint>

namespace runnel::inline v0::host {

/// How far the kernel has come with what was written to a TCP socket.
struct tcp_progress {
    bool gone = false;         ///< the connection is over, in whichever way
    bool acknowledged = false; ///< the peer has all of it
    std::uint32_t unsent =
        0;                 ///< bytes that have not left yet, the end of the stream counted as one
    duration round_trip{}; ///< the smoothed round-trip time

    [[nodiscard]] static tcp_progress of(int fd) noexcept;
};

/// Whether everything written to a TCP socket has left; cheaper than `tcp_progress::of`.
[[nodiscard]] bool all_sent(int fd) noexcept;

/// The error that waits in a socket, or 0. Asking takes it away.
[[nodiscard]] int take_socket_error(int fd) noexcept;

} // namespace runnel::inline v0::host
