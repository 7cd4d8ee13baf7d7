// SPDX-License-Identifier: Apache-2.0
// Many connections at once over a wire with every fault, for many seeds: every stream arrives
// exactly or ends with an error that both sides can explain, and nothing is left at the end.
#include "test_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

std::uint64_t seeds() {
    const char* const asked = std::getenv("RUNNEL_SEEDS");
    return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 200;
}

test_network::options draw_network(prng& dice, std::uint64_t seed) {
    test_network::options how;
    how.seed = seed;
    how.mtu = static_cast<std::uint32_t>(dice.below(2) == 0 ? 1500 : dice.between(576, 9000));
    how.burst = dice.below(2) == 0 ? 65'000 : how.mtu - 40;
    how.faults.delay = duration(dice.below(50'000'000));
    how.faults.jitter = duration(dice.below(5'000'000));
    if (dice.below(4) != 0) {
        how.faults.loss = dice.fraction() * 0.1;
        how.faults.duplicate = dice.fraction() * 0.1;
        how.faults.reorder = dice.fraction() * 0.1;
        how.faults.corrupt = dice.fraction() * 0.02;
    }
    return how;
}

void run(std::uint64_t seed) {
    prng dice(seed);
    test_network wire(draw_network(dice, seed));
    tcp_layer::options how;
    how.config.congestion = static_cast<congestion_kind>(dice.below(3));
    how.config.timestamps = dice.below(4) != 0;
    how.config.selective_ack = dice.below(4) != 0;
    how.config.receive_buffer = static_cast<std::uint32_t>(dice.between(4'000, 300'000));
    test_network::host& a = wire.add({*ip_address::parse("10.0.0.1")}, how);
    test_network::host& b = wire.add({*ip_address::parse("10.0.0.2")}, how);
    test_server server(wire, b.tcp(), dice.below(100'000));
    const ip_endpoint at(b.addresses[0], 80);
    tcp_port::options port;
    port.queue.backlog = dice.below(2) == 0 ? 1024 : 2; // cookies
    tcp_port& listening = **b.tcp().listen(at, port, server, wire.now());
    const std::uint64_t size = dice.below(200'000);
    const auto count = dice.between(1, 6);
    std::deque<test_program> clients;
    for (std::uint64_t i = 0; i < count; ++i) {
        test_program& client = clients.emplace_back(wire, a.tcp(), size);
        client.begin(**a.tcp().connect(at, std::nullopt, client, wire.now()));
        if (dice.below(8) == 0) { // one that goes away in the middle
            wire.run_for(duration(dice.below(200'000'000)));
            client.release();
        }
    }
    const auto all_over = [](auto& programs) {
        return std::ranges::all_of(
            programs, [](const test_program& one) { return one.ended_ || one.entry() == nullptr; });
    };
    EXPECT_TRUE(wire.run_until([&] { return all_over(clients) && all_over(server.programs); }, 2h));
    for (auto* const programs : {&clients, &server.programs}) {
        for (test_program& one : *programs) {
            EXPECT_TRUE(one.right);
            const bool left = one.entry() == nullptr;
            EXPECT_TRUE(left || one.done() || one.failure() == errc::reset)
                << "failed: " << (one.failure() ? describe(*one.failure()) : "not done");
            one.release();
        }
    }
    b.tcp().unlisten(listening, wire.now());
    wire.run_for(10min);
    for (test_network::host* const host : {&a, &b}) {
        EXPECT_EQ(host->tcp().connections(), 0U);
        EXPECT_EQ(host->tcp().time_waiting(), 0U);
        EXPECT_EQ(host->tcp().deadline(), never);
    }
}

TEST(TcpLayerSoak, EveryStreamArrivesExactlyOverAnyNetwork) {
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        run(seed);
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    }
}

} // namespace
