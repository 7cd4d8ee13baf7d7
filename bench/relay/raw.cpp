// SPDX-License-Identifier: Apache-2.0
// The least a relay on epoll can do: receive and send with one buffer, or splice through a pipe.
#include "sockets.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace {

constexpr std::size_t at_once = std::size_t{256} << 10;

bool use_splice = false;
std::vector<char> scratch(at_once);

/// One direction of a connection: what was taken from `from` and `to` did not take yet.
struct direction {
    int from = -1;
    int to = -1;
    std::array<int, 2> pipe{-1, -1};
    std::vector<char> held;
    std::size_t offset = 0;
    std::size_t in_pipe = 0;
    bool ended = false;
};

struct connection {
    std::array<direction, 2> directions;
    std::array<int, 2> fds{-1, -1};
    bool closed = false;
};

/// False when `to` is full.
bool drain(direction& d) {
    while (use_splice ? d.in_pipe != 0 : d.offset < d.held.size()) {
        const ssize_t n = use_splice ? ::splice(d.pipe[0], nullptr, d.to, nullptr, d.in_pipe,
                                                SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                                     : ::send(d.to, d.held.data() + d.offset,
                                              d.held.size() - d.offset, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        d.in_pipe -= use_splice ? static_cast<std::size_t>(n) : 0;
        d.offset += use_splice ? 0 : static_cast<std::size_t>(n);
    }
    d.held.clear();
    d.offset = 0;
    return true;
}

ssize_t fill(direction& d) {
    if (use_splice) {
        if (d.pipe[0] < 0) {
            if (::pipe2(d.pipe.data(), O_NONBLOCK | O_CLOEXEC) != 0) {
                return -1;
            }
            ::fcntl(d.pipe[1], F_SETPIPE_SZ, 1 << 20);
        }
        const ssize_t n = ::splice(d.from, nullptr, d.pipe[1], nullptr, std::size_t{1} << 20,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        d.in_pipe += n > 0 ? static_cast<std::size_t>(n) : 0;
        return n;
    }
    const ssize_t n = ::recv(d.from, scratch.data(), scratch.size(), 0);
    if (n <= 0) {
        return n;
    }
    const ssize_t sent = ::send(d.to, scratch.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
    if (sent < n) {
        d.held.assign(scratch.begin() + std::max<ssize_t>(sent, 0), scratch.begin() + n);
    }
    return n;
}

void move(direction& d) {
    while (!d.ended && drain(d)) {
        const ssize_t n = fill(d);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            d.ended = true;
            ::shutdown(d.to, SHUT_WR);
        } else if (n < 0) {
            return;
        }
    }
}

void handle(connection& c) {
    if (c.closed) {
        return;
    }
    move(c.directions[0]);
    move(c.directions[1]);
    if (c.directions[0].ended && c.directions[1].ended) {
        c.closed = true;
        for (direction& d : c.directions) {
            ::close(d.from);
            if (d.pipe[0] >= 0) {
                ::close(d.pipe[0]);
                ::close(d.pipe[1]);
            }
        }
    }
}

} // namespace

/// relay_raw copy|splice SOURCE TARGET_PORT
int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: relay_raw copy|splice SOURCE TARGET_PORT\n", stderr);
        return 2;
    }
    use_splice = std::string_view(argv[1]) == "splice";
    const int listener = bench::listen_at(argv[2]);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event interest{.events = EPOLLIN, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
    std::array<epoll_event, 256> events{};
    for (;;) {
        std::vector<connection*> finished;
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            auto* c = static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (c != nullptr) {
                const bool was_open = !c->closed;
                handle(*c);
                if (was_open && c->closed) {
                    finished.push_back(c);
                }
                continue;
            }
            const int in = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (in < 0) {
                continue;
            }
            const int out = bench::connect_to(argv[3], SOCK_NONBLOCK);
            auto* fresh = new connection;
            fresh->directions[0].from = fresh->directions[1].to = in;
            fresh->directions[0].to = fresh->directions[1].from = out;
            for (const int fd : {in, out}) {
                epoll_event edge{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data = {.ptr = fresh}};
                ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &edge);
            }
        }
        for (const connection* c : finished) {
            delete c;
        }
    }
}
