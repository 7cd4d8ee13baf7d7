// SPDX-License-Identifier: Apache-2.0
// One bulk connection over a path that loses packets at random, in both directions, in virtual
// time: what recovery and congestion control make of it. The path has no bottleneck of its own but
// 5 Gb/s. Beside each cell stands what the TCP of Linux 6.18 made of the same round trip and loss,
// measured once over two TUN devices with a program that delays and drops between them. One run of
// ten seconds over 100 ms may be half or twice another, by when its first loss comes.
//
// The limit is the controller's: CUBIC takes every loss for congestion, so that RTT and loss give
// its window (RFC 9438 5.1.1); BBR does not, and is limited by the path and the 8 MiB of buffers.
#include "tcp_pair.hpp"

#include <benchmark/benchmark.h>

#include <iterator>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr duration span = 10s;

struct cell {
    const char* name;
    duration round_trip;
    double loss;
    congestion_kind kind;
    double linux_rate; // Mb/s
};

/// Mb/s that one seed gives.
double goodput(const cell& where, std::uint64_t seed) {
    tcp_pair::plan plan;
    plan.seed = seed;
    plan.client.size = std::uint64_t{1} << 40U;
    plan.to_server.delay = plan.to_client.delay = where.round_trip / 2;
    plan.to_server.loss = plan.to_client.loss = where.loss;
    plan.to_server.rate = plan.to_client.rate = 5e9 / 8;
    plan.client_config.congestion = plan.server_config.congestion = where.kind;
    tcp_pair pair(plan);
    const time_point end = pair.now() + span;
    pair.run_until([&] { return pair.now() >= end; });
    return static_cast<double>(pair.server().read) * 8e-6 /
           std::chrono::duration<double>(span).count();
}

using enum congestion_kind;
constexpr cell cells[] = {
    {"cubic, 20 ms, 0.1 %", 20ms, 0.001, cubic, 26},
    {"cubic, 20 ms, 1 %", 20ms, 0.01, cubic, 6.8},
    {"cubic, 20 ms, 2 %", 20ms, 0.02, cubic, 4.7},
    {"cubic, 20 ms, 5 %", 20ms, 0.05, cubic, 2.1},
    {"cubic, 100 ms, 0.1 %", 100ms, 0.001, cubic, 23.6},
    {"cubic, 100 ms, 1 %", 100ms, 0.01, cubic, 3.4},
    {"cubic, 100 ms, 5 %", 100ms, 0.05, cubic, 0.54},
    {"bbr, 20 ms, 0.1 %", 20ms, 0.001, bbr, 1501},
    {"bbr, 20 ms, 1 %", 20ms, 0.01, bbr, 1343},
    {"bbr, 20 ms, 2 %", 20ms, 0.02, bbr, 725},
    {"bbr, 20 ms, 5 %", 20ms, 0.05, bbr, 158},
    {"bbr, 100 ms, 0.1 %", 100ms, 0.001, bbr, 110},
    {"bbr, 100 ms, 1 %", 100ms, 0.01, bbr, 82},
    {"bbr, 100 ms, 5 %", 100ms, 0.05, bbr, 106},
};

void loss(benchmark::State& state) {
    const cell& where = cells[static_cast<std::size_t>(state.range(0))];
    // What moves gigabytes is even by itself, and takes long.
    const std::uint64_t seeds = where.kind == cubic ? 32 : where.round_trip > 50ms ? 12 : 1;
    double sum = 0;
    for (auto _ : state) {
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            sum += goodput(where, seed);
        }
    }
    const double mean = sum / static_cast<double>(seeds);
    state.SetLabel(where.name);
    state.counters["Mb/s"] = mean;
    state.counters["Linux"] = where.linux_rate;
    state.counters["ratio"] = mean / where.linux_rate;
}
BENCHMARK(loss)->DenseRange(0, std::size(cells) - 1)->Iterations(1)->Unit(benchmark::kMillisecond);

} // namespace
