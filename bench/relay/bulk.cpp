// SPDX-License-Identifier: Apache-2.0
// Sends a number of bytes into a relay and takes them out at its other side.
#include "sockets.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

/// relay_bulk SOURCE SINK_PORT BYTES: SOURCE is the relay's port or path.
int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: relay_bulk SOURCE SINK_PORT BYTES\n", stderr);
        return 2;
    }
    const auto total = static_cast<std::uint64_t>(std::atoll(argv[3]));
    const int listener = bench::listen_at(argv[2]);
    const int out = bench::connect_to(argv[1], SOCK_NONBLOCK);
    pollfd arrival{.fd = listener, .events = POLLIN, .revents = 0};
    if (::poll(&arrival, 1, 5000) != 1) {
        std::fputs("the relay did not connect to its target in 5 s\n", stderr);
        return 1;
    }
    const int in = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    std::vector<char> data(std::size_t{256} << 10, 'x');
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    const double start = bench::now_seconds();
    while (received < total) {
        std::array<pollfd, 2> wait{
            {{.fd = in, .events = POLLIN, .revents = 0},
             {.fd = sent < total ? out : -1, .events = POLLOUT, .revents = 0}}};
        if (::poll(wait.data(), wait.size(), 10'000) <= 0) {
            std::fputs("nothing moved for 10 s\n", stderr);
            return 1;
        }
        if (wait[1].revents != 0) {
            const std::size_t part = std::min<std::uint64_t>(data.size(), total - sent);
            const ssize_t n = ::send(out, data.data(), part, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) {
                bench::give_up("send");
            }
            sent += n > 0 ? static_cast<std::uint64_t>(n) : 0;
        }
        if (wait[0].revents != 0) {
            // MSG_TRUNC drops the bytes in the kernel, so that the load costs little.
            const ssize_t n = ::recv(in, data.data(), std::size_t{1} << 22, MSG_TRUNC);
            if (n == 0 || (n < 0 && errno != EAGAIN)) {
                bench::give_up("recv");
            }
            received += n > 0 ? static_cast<std::uint64_t>(n) : 0;
        }
    }
    std::printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(received),
                bench::now_seconds() - start);
}
