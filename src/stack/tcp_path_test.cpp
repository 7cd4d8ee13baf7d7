// SPDX-License-Identifier: Apache-2.0
// Paths that carry less than their first link, and say nothing (RFC 4821, RFC 8899).
#include "runnel/stack/path_search.hpp"

#include "tcp_pair.hpp"
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr time_point start(1s);

TEST(PathSearch, TriesAllAtFirstAndThenHalves) {
    path_search search;
    search.start(1448);
    EXPECT_EQ(search.next(1448, start), 0U) << "nothing to be found";
    search.begin(start + 1s);
    EXPECT_EQ(search.next(1000, start), 0U) << "not yet";
    const time_point now = start + 1s;
    std::uint32_t size = 1000;
    constexpr std::uint32_t carried = 1234;
    int probes = 0;
    while (const std::uint32_t next = search.next(size, now)) {
        EXPECT_GT(next, size);
        EXPECT_LE(next, 1448U);
        search.sent(next, sequence(5));
        EXPECT_EQ(search.next(size, now), 0U) << "one at a time";
        if (next <= carried) {
            size = next;
            search.succeeded();
        } else {
            search.failed();
        }
        ASSERT_LE(++probes, 30);
    }
    EXPECT_LE(size, carried);
    EXPECT_GT(size + path_search::resolution, carried);
    EXPECT_EQ(search.next(size, now + 9min), 0U);
    EXPECT_EQ(search.next(size, now + 11min), 1448U) << "the path may have changed";
}

TEST(PathSearch, BelievesThePathAboutItsLimit) {
    path_search search;
    search.start(1448);
    search.begin(start);
    search.sent(search.next(1000, start), sequence(5));
    search.limit(1300);
    EXPECT_FALSE(search.outstanding());
    const std::uint32_t next = search.next(1000, start);
    EXPECT_GT(next, 1000U);
    EXPECT_LE(next, 1300U);
}

tcp_pair::plan plan_of(std::size_t mtu, std::uint64_t size) {
    tcp_pair::plan plan;
    plan.client.size = size;
    plan.to_server.mtu = mtu;
    plan.to_server.rate = 1e6;
    return plan;
}

TEST(TcpPath, FindsWhatABlackHoleCarries) {
    for (const std::size_t mtu : {1280U, 1300U, 1400U, 1492U}) {
        tcp_pair pair(plan_of(mtu, 3'000'000));
        std::uint32_t size = 0;
        pair.run_until([&] {
            size = pair.client().connection->sender().segment_size();
            return pair.server().read == 3'000'000;
        });
        EXPECT_EQ(pair.server().read, 3'000'000U) << mtu;
        const std::size_t headers = 20 + 20 + 12;
        EXPECT_LE(size, mtu - headers) << mtu;
        EXPECT_GT(size + path_search::resolution + 48, mtu - headers) << mtu;
        const tcp_counters& counters = pair.client().environment.counters;
        EXPECT_EQ(counters.black_holes, 1U) << mtu;
        EXPECT_LE(counters.path_probes_lost, 24U) << mtu;
        EXPECT_LE(counters.retransmission_timeouts, 4U)
            << "a probe that is lost is repaired without a timeout";
    }
}

TEST(TcpPath, RaisesTheSizeAgainWhenThePathIsBetter) {
    auto plan = plan_of(1300, 2'000'000'000);
    plan.to_server.rate = 40'000; // some ten minutes are to pass, and few bytes
    plan.to_server.queue = 40'000;
    tcp_pair pair(plan);
    ASSERT_EQ(pair.run_until([&] { return pair.server().read > 1'000'000; }), "");
    EXPECT_LT(pair.client().connection->sender().segment_size(), 1300U);
    pair.client().faults.mtu = 1500;
    const time_point end = pair.now() + 21min;
    ASSERT_EQ(pair.run_until([&] {
        return pair.now() > end || pair.client().connection->sender().segment_size() == 1448;
    }),
              "");
    EXPECT_EQ(pair.client().connection->sender().segment_size(), 1448U);
}

TEST(TcpPath, AProbeThatIsLostIsNoCongestion) {
    tcp_pair pair(plan_of(1300, 4'000'000));
    ASSERT_EQ(pair.run_until([&] { return pair.client().environment.counters.path_probes > 0; }),
              "");
    const std::uint64_t recoveries = pair.client().environment.counters.fast_recoveries;
    ASSERT_EQ(pair.run_until([&] { return pair.server().read == 4'000'000; }), "");
    EXPECT_GE(pair.client().environment.counters.path_probes_lost, 3U);
    EXPECT_EQ(pair.client().environment.counters.fast_recoveries, recoveries);
}

TEST(TcpPath, SurvivesOneThatShrinksInTheMiddle) {
    tcp_pair pair(plan_of(1500, 3'000'000));
    ASSERT_EQ(pair.run_until([&] { return pair.server().read > 1'000'000; }), "");
    pair.client().faults.mtu = 1350;
    EXPECT_EQ(pair.run(), "");
}

} // namespace
