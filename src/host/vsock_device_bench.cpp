// SPDX-License-Identifier: Apache-2.0
//
// A vsock device and its guest on one core, over memory that they share, without notices through
// the kernel. In bulk the host's side copies each byte once, into the guest's memory or out of it,
// and the guest played here once more, as a kernel does between a program and the queue; what
// limits it is the speed of memory. A round trip is four packets on their way through queues.

#include "runnel/async/when.hpp"
#include "test_guest.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <tuple>
#include <utility>

namespace runnel::host {
namespace {

using body = task<void> (*)(benchmark::State&);

void in_loop(benchmark::State& state, body run) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(run(state));
}

struct pair_of_flows {
    flow_ptr guest;
    flow_ptr host;
};

task<pair_of_flows> open(test_machine& all) {
    const auto at = all.device->listen(1024);
    auto both = co_await when_all(vsock_hub::connect(all.guest, 1024), (*at)->accept());
    pair_of_flows made;
    made.guest = std::move(*std::get<0>(both));
    made.host = std::move(*std::get<1>(both));
    co_return made;
}

task<void> send(benchmark::State& state, flow& to) {
    const buffer data = buffer::allocate(std::size_t{64} * 1024);
    while (state.KeepRunning()) {
        (void)co_await to.write(data.share());
    }
    state.SetBytesProcessed(state.iterations() * std::int64_t{64} * 1024);
    (void)co_await to.shutdown(direction::write);
}

task<void> drain(flow& from) {
    for (;;) {
        const result<buffer> data = co_await from.read();
        if (!data) {
            co_return;
        }
        benchmark::DoNotOptimize(data->data());
    }
}

task<void> bulk(benchmark::State& state) {
    test_machine all;
    const pair_of_flows pair = co_await open(all);
    const bool to_guest = state.range(0) != 0;
    co_await when_all(send(state, to_guest ? *pair.host : *pair.guest),
                      drain(to_guest ? *pair.guest : *pair.host));
}
BENCHMARK_CAPTURE(in_loop, device_bulk_to_guest, bulk)->Arg(1);
BENCHMARK_CAPTURE(in_loop, device_bulk_from_guest, bulk)->Arg(0);

task<void> echo(flow& answering) {
    for (;;) {
        result<buffer> data = co_await answering.read();
        if (!data) {
            co_return;
        }
        (void)co_await answering.write(std::move(*data));
    }
}

task<void> ask(benchmark::State& state, flow& asking) {
    const buffer ball = buffer::of_static("x");
    while (state.KeepRunning()) {
        (void)co_await asking.write(ball.share());
        (void)co_await asking.read();
    }
    (void)co_await asking.shutdown(direction::write);
}

task<void> ping_pong(benchmark::State& state) {
    test_machine all;
    const pair_of_flows pair = co_await open(all);
    co_await when_all(ask(state, *pair.guest), echo(*pair.host));
}
BENCHMARK_CAPTURE(in_loop, device_ping_pong_1_byte, ping_pong);

task<void> open_and_close(benchmark::State& state) {
    test_machine all;
    const auto at = all.device->listen(1024);
    while (state.KeepRunning()) {
        auto both = co_await when_all(vsock_hub::connect(all.guest, 1024), (*at)->accept());
        const flow_ptr one = std::move(*std::get<0>(both));
        const flow_ptr other = std::move(*std::get<1>(both));
        (void)co_await when_all(one->close(), other->close());
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["bytes_of_a_flow"] = static_cast<double>(sizeof(vsock_connection));
}
BENCHMARK_CAPTURE(in_loop, device_open_and_close, open_and_close);

} // namespace
} // namespace runnel::host
