// SPDX-License-Identifier: Apache-2.0
//
// Sends everything back to whoever connects: `echo_server tcp://127.0.0.1:7007`, or
// `unix:echo.sock`.
#include <runnel/async/loop.hpp>
#include <runnel/flow/serve.hpp>
#include <runnel/flow/transport.hpp>
#include <runnel/host/system_resolver.hpp>
#include <runnel/host/transports.hpp>

#include <cstdio>

using namespace runnel;

task<result<void>> echo(flow_ptr client) {
    for (;;) {
        result<buffer> data = co_await client->read();
        if (!data && data.error() == errc::end) {
            co_return co_await client->close(); // the peer ended its side: end ours
        }
        if (!data) {
            co_return fail(data.error()); // dropping the flow resets the connection
        }
        const write_result written = co_await client->write(*std::move(data));
        if (!written) {
            co_return fail(written.error());
        }
    }
}

task<result<void>> run(const transport_registry& transports, endpoint at) {
    const result<listener_ptr> listener = co_await transports.listen(at);
    if (!listener) {
        co_return fail(listener.error());
    }
    std::printf("listening on %s\n", (*listener)->local().to_string().c_str());
    co_return co_await serve(**listener, echo);
}

int main(int argc, char** argv) {
    const auto at = endpoint::parse(argc > 1 ? argv[1] : "tcp://127.0.0.1:7007");
    const auto own = loop::create();
    if (!at || !own) {
        std::fprintf(stderr, "%s\n", (at ? own.error() : at.error()).message().c_str());
        return 1;
    }
    host::system_resolver names;
    transport_registry transports;
    host::register_transports(transports, names);
    const result<void> done = (*own)->run(run(transports, *at));
    std::fprintf(stderr, "%s\n", done.error().message().c_str());
    return 1; // it serves until something breaks
}
