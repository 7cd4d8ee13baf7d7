// SPDX-License-Identifier: Apache-2.0
// The echo server one writes with runnel.
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/tcp.hpp"

#include <cstdio>
#include <string_view>

namespace {

using namespace runnel;

task<void> serve(flow_ptr client) {
    for (;;) {
        auto data = co_await client->read();
        if (!data) {
            (void)co_await client->close();
            co_return;
        }
        const write_result written = co_await client->write(std::move(*data));
        if (!written) {
            co_return;
        }
    }
}

task<result<void>> accept_all(listener& port) {
    co_return co_await with_scope([&](scope& clients) -> task<result<void>> {
        for (;;) {
            auto client = co_await port.accept();
            if (!client) {
                co_return fail(client.error());
            }
            clients.spawn(serve(std::move(*client)));
        }
    });
}

task<result<void>> echo() {
    host::tcp_options options;
    options.nodelay = true;
    options.congestion_control = "reno"; // the loopback is paced where the default is BBR
    auto port = host::listen(ip_endpoint(ipv4_address::loopback(), 0), options);
    if (!port) {
        co_return fail(port.error());
    }
    std::printf("%d\n", (*port)->local().ip()->port());
    std::fflush(stdout);
    co_return co_await accept_all(**port);
}

} // namespace

/// echo_runnel epoll|io_uring
int main(int argc, char** argv) {
    const bool epoll = argc == 2 && std::string_view(argv[1]) == "epoll";
    auto loop = loop::create({.backend = epoll ? backend_kind::epoll : backend_kind::io_uring});
    if (!loop) {
        std::fprintf(stderr, "%s\n", loop.error().message().c_str());
        return 1;
    }
    const auto ended = (*loop)->run(echo());
    std::fprintf(stderr, "%s\n", ended ? "ended" : ended.error().message().c_str());
    return ended ? 0 : 1;
}
