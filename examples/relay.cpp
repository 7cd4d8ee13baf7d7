// SPDX-License-Identifier: Apache-2.0
//
// Joins two endpoints of any kind until both have ended: `relay - tcp://127.0.0.1:7007`.
#include <runnel/async/loop.hpp>
#include <runnel/flow/proxy.hpp>
#include <runnel/flow/transport.hpp>
#include <runnel/host/system_resolver.hpp>
#include <runnel/host/transports.hpp>

#include <cstdio>

using namespace runnel;

task<result<void>> join(const transport_registry& transports, endpoint a, endpoint b) {
    const result<flow_ptr> one = co_await transports.connect(a);
    if (!one) {
        co_return fail(one.error());
    }
    const result<flow_ptr> other = co_await transports.connect(b);
    if (!other) {
        co_return fail(other.error());
    }
    proxy_options options;
    options.idle_timeout = std::chrono::minutes(5);
    const proxy_result done = co_await proxy(**one, **other, options);
    std::fprintf(stderr, "%llu bytes there, %llu back\n",
                 static_cast<unsigned long long>(done.forward.statistics.bytes_written),
                 static_cast<unsigned long long>(done.backward.statistics.bytes_written));
    if (done.why == proxy_end::finished) {
        co_return result<void>();
    }
    co_return fail(done.a_end() == errc::end ? done.b_end() : done.a_end());
}

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: relay ENDPOINT ENDPOINT\n");
        return 2;
    }
    const auto a = endpoint::parse(argv[1]);
    const auto b = endpoint::parse(argv[2]);
    const auto own = loop::create();
    if (!a || !b || !own) {
        const error& what = !a ? a.error() : !b ? b.error() : own.error();
        std::fprintf(stderr, "%s\n", what.message().c_str());
        return 1;
    }
    host::system_resolver names;
    transport_registry transports;
    host::register_transports(transports, names);
    const result<void> done = (*own)->run(join(transports, *a, *b));
    if (!done) {
        std::fprintf(stderr, "%s\n", done.error().message().c_str());
    }
    return done ? 0 : 1;
}
