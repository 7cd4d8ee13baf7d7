// SPDX-License-Identifier: Apache-2.0
// Opens connections through a relay, sends a request and takes the answer on each, and closes them;
// plays the server behind the relay, too.
#include "sockets.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace {

constexpr int at_once = 64;
constexpr std::size_t message_bytes = 64;

enum class role : std::uint8_t { client, server };

struct endpoint {
    role kind;
    int fd;
};

int epoll_fd = -1;
std::array<char, 4096> scratch{};

void watch(endpoint* e) {
    epoll_event interest{.events = EPOLLIN, .data = {.ptr = e}};
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, e->fd, &interest);
}

void open_client(const char* relay) {
    auto* e = new endpoint{role::client, bench::connect_to(relay, 0)};
    watch(e);
    if (::send(e->fd, scratch.data(), message_bytes, MSG_NOSIGNAL) !=
        static_cast<ssize_t>(message_bytes)) {
        bench::give_up("send");
    }
}

/// True when a client has had its answer and is gone.
bool handle(endpoint* e) {
    const ssize_t got = ::recv(e->fd, scratch.data(), scratch.size(), 0);
    if (got > 0 && e->kind == role::server) {
        (void)::send(e->fd, scratch.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
        return false;
    }
    const bool answered = e->kind == role::client;
    if (answered && got <= 0) {
        std::fputs("the relay closed a connection before its answer\n", stderr);
        std::exit(1);
    }
    ::close(e->fd);
    delete e;
    return answered;
}

} // namespace

/// relay_connections RELAY_PORT SINK_PORT COUNT
int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: relay_connections RELAY_PORT SINK_PORT COUNT\n", stderr);
        return 2;
    }
    const int total = std::atoi(argv[3]);
    const int listener = bench::listen_at(argv[2]);
    epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event interest{.events = EPOLLIN, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &interest);
    const double start = bench::now_seconds();
    int opened = 0;
    int done = 0;
    for (; opened < at_once && opened < total; ++opened) {
        open_client(argv[1]);
    }
    std::array<epoll_event, 256> events{};
    while (done < total) {
        const int ready =
            ::epoll_wait(epoll_fd, events.data(), static_cast<int>(events.size()), 10'000);
        if (ready <= 0) {
            bench::give_up("no progress for 10 s: epoll_wait");
        }
        for (int i = 0; i < ready; ++i) {
            auto* e = static_cast<endpoint*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (e == nullptr) {
                for (int fd = 0; fd >= 0;) {
                    fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                    if (fd >= 0) {
                        watch(new endpoint{role::server, fd});
                    }
                }
            } else if (handle(e)) {
                ++done;
                if (opened < total) {
                    open_client(argv[1]);
                    ++opened;
                }
            }
        }
    }
    std::printf("{\"connections\": %d, \"seconds\": %.6f}\n", done, bench::now_seconds() - start);
}
