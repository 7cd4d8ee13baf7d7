// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h> // NOLINT(modernize-deprecated-headers): clock_gettime is POSIX
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

/// Plain sockets for the load generators and the raw relay.
namespace bench {

[[noreturn]] inline void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

inline double now_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t); // tidy: allow banned-call: a benchmark measures time
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

inline sockaddr_in loopback(const char* port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Calls `use(address, size)` with the address that `place` names: a port, or a path.
template <class F>
int with_address(const char* place, F use) {
    if (place[0] == '/') {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, place, sizeof address.sun_path - 1);
        return use(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    const sockaddr_in address = loopback(place);
    return use(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

inline int listen_at(const char* place) {
    return with_address(place, [](int family, const sockaddr* address, socklen_t size) {
        const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(fd, address, size) != 0 || ::listen(fd, 4096) != 0) {
            give_up("listen");
        }
        return fd;
    });
}

/// Connects; a non-blocking socket may still be on its way.
inline int connect_to(const char* place, int flags) {
    return with_address(place, [flags](int family, const sockaddr* address, socklen_t size) {
        const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        if (fd < 0 || (::connect(fd, address, size) != 0 && errno != EINPROGRESS)) {
            give_up("connect");
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // refused on Unix sockets
        return fd;
    });
}

} // namespace bench
