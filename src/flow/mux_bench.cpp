// SPDX-License-Identifier: Apache-2.0
//
// What a multiplexer costs over a pipe in memory, both ends on one core. The limit is of design: it
// passes bytes on by reference, in messages of at most 16 KiB, so what counts is the cost of a
// message. The counter "spread" says how far the channel that got most is ahead of the one that
// got least, as a part of the mean.

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/mux.hpp"
#include "runnel/flow/pipe.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using body = task<void> (*)(benchmark::State&);

void in_loop(benchmark::State& state, body run) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(run(state));
}

struct ends {
    flow_ptr near;
    flow_ptr far;
    std::uint64_t got = 0;
};

task<void> send(flow& to, const buffer& data, const bool& on) {
    while (on) {
        (void)co_await to.write(data.share());
    }
    (void)co_await to.shutdown(direction::write);
}

task<void> receive(benchmark::State& state, ends& from, std::uint64_t& total, bool& on) {
    for (;;) {
        const result<buffer> data = co_await from.far->read();
        if (!data) {
            break;
        }
        from.got += data->size();
        total += data->size();
        while (on && total >= std::uint64_t{1} << 20U) { // a round of the benchmark is a MiB
            total -= std::uint64_t{1} << 20U;
            on = state.KeepRunning();
        }
    }
}

task<void> bulk(benchmark::State& state) {
    auto pipe = make_pipe({.capacity = std::size_t{64} * 1024});
    mux near(std::move(pipe.first), mux_side::connecting);
    mux far(std::move(pipe.second), mux_side::listening);
    std::vector<ends> all(static_cast<std::size_t>(state.range(0)));
    for (ends& each : all) {
        auto both = co_await when_all(near.connect(), far.accept());
        each.near = std::move(*std::get<0>(both));
        each.far = std::move(*std::get<1>(both));
    }
    const buffer data = buffer::allocate(std::size_t{64} * 1024);
    std::uint64_t total = 0;
    bool on = state.KeepRunning();
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it outlives the scope
    const auto run = [&](scope& tasks) -> task<void> {
        for (ends& each : all) {
            tasks.spawn(send(*each.near, data, on));
            tasks.spawn(receive(state, each, total, on));
        }
        co_await tasks.join();
    };
    (void)co_await with_scope(run);
    const auto by_bytes = std::ranges::minmax_element(all, {}, &ends::got);
    std::uint64_t sum = 0;
    for (const ends& each : all) {
        sum += each.got;
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(sum));
    state.counters["spread"] = static_cast<double>(by_bytes.max->got - by_bytes.min->got) *
                               static_cast<double>(all.size()) /
                               static_cast<double>(std::max<std::uint64_t>(sum, 1));
}
BENCHMARK_CAPTURE(in_loop, mux_bulk, bulk)->Arg(1)->Arg(100);

task<void> open_and_close(benchmark::State& state) {
    auto pipe = make_pipe({.capacity = std::size_t{64} * 1024});
    mux near(std::move(pipe.first), mux_side::connecting);
    mux far(std::move(pipe.second), mux_side::listening);
    while (state.KeepRunning()) {
        auto both = co_await when_all(near.connect(), far.accept());
        const flow_ptr one = std::move(*std::get<0>(both));
        const flow_ptr other = std::move(*std::get<1>(both));
        (void)co_await when_all(one->close(), other->close());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(in_loop, mux_open_and_close, open_and_close);

} // namespace
} // namespace runnel
