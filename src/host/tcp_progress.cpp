// SPDX-License-Identifier: Apache-2.0
#include "tcp_progress.hpp"

#include <cerrno>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

constexpr unsigned state_closed = 7; // TCP_CLOSE

} // namespace

tcp_progress tcp_progress::of(int fd) noexcept {
    ::tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return {.gone = true};
    }
    return {.gone = info.tcpi_state == state_closed,
            .acknowledged = info.tcpi_notsent_bytes == 0 && info.tcpi_unacked == 0,
            .unsent = info.tcpi_notsent_bytes,
            .round_trip = std::chrono::microseconds(info.tcpi_rtt)};
}

bool all_sent(int fd) noexcept {
    int unsent = 0;
    return ::ioctl(fd, SIOCOUTQNSD, &unsent) != 0 || unsent == 0;
}

int take_socket_error(int fd) noexcept {
    int number = 0;
    socklen_t size = sizeof number;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
}

} // namespace runnel::inline v0::host
