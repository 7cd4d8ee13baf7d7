// SPDX-License-Identifier: Apache-2.0
// Two connections, a link with faults between them, virtual time. See tcp_pair.hpp for what is
// checked at every event.
#include "tcp_pair.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

tcp_pair::plan both_ways(std::uint64_t seed, std::uint64_t size) {
    tcp_pair::plan plan;
    plan.seed = seed;
    plan.client.size = size;
    plan.server.size = size;
    return plan;
}

TEST(TcpTransfer, MovesBytesBothWaysOverACleanLink) {
    auto plan = both_ways(1, 300'000);
    tcp_pair pair(plan);
    EXPECT_EQ(pair.run(), "");
    EXPECT_EQ(pair.client().environment.counters.bytes_retransmitted, 0U);
    EXPECT_EQ(pair.server().environment.counters.bytes_retransmitted, 0U);
}

TEST(TcpTransfer, OpensAndClosesWithoutAByte) {
    tcp_pair pair(both_ways(2, 0));
    EXPECT_EQ(pair.run(), "");
}

TEST(TcpTransfer, OpensFromBothSidesAtOnce) {
    auto plan = both_ways(3, 50'000);
    plan.both_open = true;
    tcp_pair pair(plan);
    EXPECT_EQ(pair.run(), "");
}

tcp_pair::plan with_faults(std::uint64_t seed) {
    prng dice(seed);
    auto plan = both_ways(seed, 1 + dice.below(200'000));
    plan.server.size = dice.below(2) == 0 ? dice.below(200'000) : 0;
    plan.client.write_size = 1 + dice.below(40'000);
    plan.server.write_size = 1 + dice.below(5'000);
    plan.server.into = dice.below(2) == 0;
    if (dice.below(5) == 0) {
        plan.server.read_rate = 100'000;
    }
    for (wire_faults* faults : {&plan.to_server, &plan.to_client}) {
        faults->loss = dice.below(3) == 0 ? 0 : dice.fraction() * 0.15;
        faults->duplicate = dice.below(3) == 0 ? dice.fraction() * 0.1 : 0;
        faults->reorder = dice.below(3) == 0 ? dice.fraction() * 0.3 : 0;
        faults->corrupt = dice.below(4) == 0 ? dice.fraction() * 0.05 : 0;
        faults->reorder_by = duration(dice.below(60'000'000));
        faults->delay = duration(dice.below(80'000'000));
        faults->jitter = dice.below(2) == 0 ? duration(dice.below(40'000'000)) : duration();
        if (dice.below(3) == 0) {
            faults->rate = 1e5 + dice.fraction() * 1e7;
            faults->queue = 20'000 + dice.below(200'000);
            faults->mark_above = 10'000;
        }
    }
    for (tcp_config* config : {&plan.client_config, &plan.server_config}) {
        config->selective_ack = dice.below(4) != 0;
        config->timestamps = dice.below(4) != 0;
        config->window_scaling = dice.below(4) != 0;
        config->ecn = dice.below(2) == 0;
        config->no_delay = dice.below(2) == 0;
        config->congestion = static_cast<congestion_kind>(dice.below(3));
        config->max_segment_size = static_cast<std::uint16_t>(dice.between(88, 9000));
        config->receive_buffer = static_cast<std::uint32_t>(dice.between(2'000, 200'000));
        config->max_send_size =
            dice.below(2) == 0 ? 65'000 : std::uint32_t{config->max_segment_size};
    }
    plan.both_open = dice.below(8) == 0;
    plan.limit = 2h;
    return plan;
}

TEST(TcpTransfer, IsExactUnderEveryFaultOfTheLink) {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        tcp_pair pair(with_faults(seed));
        ASSERT_EQ(pair.run(), "");
    }
}

} // namespace
