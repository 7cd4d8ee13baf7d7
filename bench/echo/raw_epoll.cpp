// SPDX-License-Identifier: Apache-2.0
// The least a server on epoll can do: edge-triggered, one receive and one send a request.
#include "listen.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace {

std::array<char, 16384> scratch;

void serve(int fd, int epoll) {
    const ssize_t got = ::recv(fd, scratch.data(), scratch.size(), 0);
    if (got > 0) {
        (void)::send(fd, scratch.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    } else if (got == 0 || errno != EAGAIN) {
        ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
        ::close(fd);
    }
}

} // namespace

int main() {
    const int listener = bench::listen_on_loopback(SOCK_NONBLOCK);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event interest{.events = EPOLLIN, .data = {.fd = listener}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
    std::array<epoll_event, 256> events;
    for (;;) {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd != listener) {
                serve(fd, epoll);
                continue;
            }
            const int accepted =
                ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted >= 0) {
                bench::set_nodelay(accepted);
                epoll_event fresh{.events = EPOLLIN | EPOLLET, .data = {.fd = accepted}};
                ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &fresh);
            }
        }
    }
}
