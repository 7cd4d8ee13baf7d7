// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

TEST(Sleep, DoesNotWaitForAMomentThatHasPassed) {
    run_virtual([]() -> task<void> {
        static_cast<void>(co_await sleep_for(1s));
        const auto resumed = loop::current().statistics().resumed;
        EXPECT_TRUE(co_await sleep_until(loop::current().now()));
        EXPECT_TRUE(co_await sleep_for(-1h));
        EXPECT_TRUE(co_await sleep_until(time_point()));
        EXPECT_EQ(loop::current().statistics().resumed, resumed);
    });
}

TEST(Sleep, CountsFromTheCallNotFromTheAwait) {
    run_virtual([]() -> task<void> {
        auto later = sleep_for(10s);
        static_cast<void>(co_await sleep_for(4s));
        EXPECT_TRUE(co_await std::move(later));
        EXPECT_EQ(loop::current().now(), time_point(10s));
    });
}

TEST(Sleep, UntilNeverEndsOnlyByAStop) {
    const auto sleeper = []() -> task<result<void>> { co_return co_await sleep_until(never); };
    run_virtual([&]() -> task<void> {
        auto both = co_await when_any(sleeper(), sleep_for(duration::max() / 2));
        EXPECT_EQ(both.index, 1U);
        EXPECT_EQ(std::get<0>(both.results).error(), errc::cancelled);
    });
    EXPECT_EQ(run_virtual(sleeper()).error(), errc::deadlock);
}

TEST(Sleep, EndsAtTheMomentOfTheStop) {
    run_virtual([]() -> task<void> {
        const auto sleeper = []() -> task<void> {
            EXPECT_EQ((co_await sleep_for(1h)).error(), errc::cancelled);
            EXPECT_EQ(loop::current().now(), time_point(3s));
        };
        const auto stopper = []() -> task<void> {
            EXPECT_TRUE(co_await sleep_for(3s));
            loop::current().stop().request_stop();
        };
        static_cast<void>(co_await when_all(sleeper(), stopper()));
    });
}

TEST(Yield, LetsTheOthersGoFirst) {
    std::vector<int> order;
    run_virtual([&]() -> task<void> {
        const auto turn = [&](int id) -> task<void> {
            order.push_back(id);
            co_await yield();
            order.push_back(id);
        };
        static_cast<void>(co_await when_all(turn(1), turn(2), turn(3)));
    });
    EXPECT_EQ(order, (std::vector{1, 2, 3, 1, 2, 3}));
}

TEST(Yield, IsNotRefusedToAStoppedTask) {
    bool went_on = false;
    run_virtual([&]() -> task<void> {
        loop::current().stop().request_stop();
        co_await yield();
        went_on = true;
    });
    EXPECT_TRUE(went_on);
}

} // namespace
} // namespace runnel
