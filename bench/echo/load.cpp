// SPDX-License-Identifier: Apache-2.0
// A client that keeps a number of connections busy, one request each at a time, and prints how many
// requests were answered and how long they took. Plain epoll, so that it favours no server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h> // NOLINT(modernize-deprecated-headers): clock_gettime is POSIX
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

std::uint64_t now_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t); // tidy: allow banned-call: a benchmark measures time
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(t.tv_nsec);
}

struct connection {
    int fd = -1;
    std::size_t missing = 0; // bytes of the answer still to come
    std::uint64_t sent_at = 0;
};

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

int open_connection(const sockaddr_in& server) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
        give_up("connect");
    }
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    return fd;
}

void request(connection& c, const std::vector<char>& body) {
    c.missing = body.size();
    c.sent_at = now_ns();
    if (::send(c.fd, body.data(), body.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(body.size())) {
        give_up("send");
    }
}

} // namespace

/// load PORT CONNECTIONS BYTES REQUESTS
int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: load PORT CONNECTIONS BYTES REQUESTS\n", stderr);
        return 2;
    }
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::vector<connection> connections(static_cast<std::size_t>(std::atoi(argv[2])));
    const std::vector<char> body(static_cast<std::size_t>(std::atoi(argv[3])), 'x');
    const auto total = static_cast<std::size_t>(std::atol(argv[4]));

    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    for (connection& c : connections) {
        c.fd = open_connection(server);
        epoll_event interest{.events = EPOLLIN, .data = {.ptr = &c}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, c.fd, &interest);
    }
    std::vector<std::uint64_t> latencies;
    latencies.reserve(total);
    std::vector<char> scratch(1 << 16);
    const std::uint64_t start = now_ns();
    for (connection& c : connections) {
        request(c, body);
    }
    std::vector<epoll_event> events(connections.size());
    while (latencies.size() < total) {
        const int ready =
            ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 10'000);
        if (ready <= 0) {
            give_up("no answer in 10 s: epoll_wait");
        }
        for (int i = 0; i < ready; ++i) {
            connection& c = *static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            const ssize_t got = ::recv(c.fd, scratch.data(), scratch.size(), 0);
            if (got <= 0) {
                give_up("recv");
            }
            c.missing -= std::min(c.missing, static_cast<std::size_t>(got));
            if (c.missing == 0) {
                latencies.push_back(now_ns() - c.sent_at);
                request(c, body);
            }
        }
    }
    const double seconds = static_cast<double>(now_ns() - start) / 1e9;
    std::ranges::sort(latencies);
    const auto at = [&](double part) {
        const auto index =
            static_cast<std::size_t>(part * static_cast<double>(latencies.size() - 1));
        return static_cast<double>(latencies[index]) / 1e3;
    };
    std::printf("{\"requests\": %zu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
                "\"p999_us\": %.1f}\n",
                latencies.size(), seconds, at(0.5), at(0.99), at(0.999));
}
