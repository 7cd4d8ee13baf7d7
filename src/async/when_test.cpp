// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/event.hpp"
#include "runnel/async/when.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

task<result<int>> after(duration span, int value) {
    auto slept = co_await sleep_for(span);
    if (!slept) {
        co_return std::unexpected(slept.error());
    }
    co_return value;
}

task<result<int>> fail_after(duration span, errc why) {
    static_cast<void>(co_await sleep_for(span));
    co_return fail(why);
}

task<void> throw_after(duration span, const char* what) {
    static_cast<void>(co_await sleep_for(span));
    throw std::runtime_error(what);
}

TEST(WhenAll, GivesAllResultsInTheOrderOfTheArguments) {
    run_virtual([]() -> task<void> {
        const auto text = []() -> task<std::unique_ptr<std::string>> {
            co_return std::make_unique<std::string>("text");
        };
        const auto nothing = []() -> task<void> { co_await yield(); };
        auto all = co_await when_all(after(2s, 1), text(), nothing(), sleep_for(3s), after(1s, 2));
        EXPECT_EQ(std::get<0>(all), 1);
        EXPECT_EQ(*std::get<1>(all), "text");
        static_assert(std::is_same_v<decltype(std::get<2>(all)), std::monostate&>);
        EXPECT_TRUE(std::get<3>(all));
        EXPECT_EQ(std::get<4>(all), 2);
        EXPECT_EQ(loop::current().now(), time_point(3s)) << "they run side by side";
    });
}

TEST(WhenAll, DoesNotSuspendWhenAllAreReady) {
    const auto loop = virtual_loop();
    const auto ready = [](int value) -> task<int> { co_return value; };
    const auto root = [&]() -> task<int> {
        auto all = co_await when_all(ready(1), ready(2));
        co_return std::get<0>(all) + std::get<1>(all);
    };
    EXPECT_EQ(loop->run(root()), 3);
    EXPECT_EQ(loop->statistics().resumed, 0U);
}

TEST(WhenAll, StopsTheOthersAtTheFirstFailureAndWaitsForThem) {
    run_virtual([]() -> task<void> {
        auto all = co_await when_all(after(1s, 1), fail_after(2s, errc::reset), after(3s, 3));
        EXPECT_EQ(std::get<0>(all), 1);
        EXPECT_EQ(std::get<1>(all).error(), errc::reset);
        EXPECT_EQ(std::get<2>(all).error(), errc::cancelled);
        EXPECT_EQ(loop::current().now(), time_point(2s));
    });
}

TEST(WhenAll, ThrowsTheLeftmostExceptionOnceAllAreDone) {
    run_virtual([]() -> task<void> {
        std::string caught;
        bool other_done = false;
        const auto other = [&]() -> task<void> {
            EXPECT_FALSE(co_await sleep_for(1h));
            other_done = true;
        };
        try {
            static_cast<void>(
                co_await when_all(throw_after(2s, "left"), other(), throw_after(1s, "right")));
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        EXPECT_EQ(caught, "left");
        EXPECT_TRUE(other_done);
        EXPECT_EQ(loop::current().now(), time_point(1s));
    });
}

TEST(WhenAll, StopsWithTheTaskThatAwaitsIt) {
    stop_everywhere(
        4, 1s, 3,
        []() -> task<void> {
            auto all = co_await when_all(after(1s, 1), after(2s, 2), after(3s, 3));
            const auto ended = loop::current().now();
            EXPECT_EQ(std::get<2>(all).has_value(), ended == time_point(3s));
        },
        [](int, int) {});
}

TEST(WhenAll, TakesAVectorOfTasks) {
    run_virtual([]() -> task<void> {
        std::vector<task<result<int>>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(after(i * 1s, i));
        }
        auto all = co_await when_all(std::move(tasks));
        EXPECT_EQ(all.size(), 100U);
        EXPECT_EQ(all[42], 42);
        auto none = co_await when_all(std::vector<task<int>>());
        EXPECT_TRUE(none.empty());
        std::vector<task<void>> voids;
        voids.push_back(throw_after(1s, "from a vector"));
        EXPECT_EQ(voids.size(), 1U);
        bool caught = false;
        try {
            static_cast<void>(co_await when_all(std::move(voids)));
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST(WhenAny, GivesTheFirstAndStopsTheOthers) {
    run_virtual([]() -> task<void> {
        auto any = co_await when_any(after(3s, 3), after(1s, 1), sleep_for(2s));
        EXPECT_EQ(any.index, 1U);
        EXPECT_EQ(std::get<1>(any.results), 1);
        EXPECT_EQ(std::get<0>(any.results).error(), errc::cancelled);
        EXPECT_EQ(std::get<2>(any.results).error(), errc::cancelled);
        EXPECT_EQ(loop::current().now(), time_point(1s));
    });
}

TEST(WhenAny, EndsAtAFailureToo) {
    run_virtual([]() -> task<void> {
        auto any = co_await when_any(after(3s, 3), fail_after(1s, errc::reset));
        EXPECT_EQ(any.index, 1U);
        EXPECT_EQ(std::get<1>(any.results).error(), errc::reset);
    });
}

TEST(WhenAny, KeepsWhatWasDoneInTheSameMoment) {
    run_virtual([]() -> task<void> {
        event first;
        event second;
        const auto setter = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1s));
            second.set();
            first.set();
        };
        const auto racer = [&]() -> task<void> {
            auto any = co_await when_any(first.wait(), second.wait(), sleep_for(5s));
            EXPECT_EQ(any.index, 1U);
            EXPECT_TRUE(std::get<0>(any.results)) << "was set as well, and not lost";
            EXPECT_TRUE(std::get<1>(any.results));
            EXPECT_FALSE(std::get<2>(any.results));
        };
        static_cast<void>(co_await when_all(setter(), racer()));
    });
}

TEST(WhenAny, RefusesWhatComesAfterOneThatIsReady) {
    run_virtual([]() -> task<void> {
        event set(event_reset::automatic);
        set.set();
        const auto ready = []() -> task<int> { co_return 1; };
        auto any = co_await when_any(ready(), set.wait());
        EXPECT_EQ(any.index, 0U);
        EXPECT_EQ(std::get<1>(any.results).error(), errc::cancelled);
        EXPECT_TRUE(set.is_set()) << "the loser has not used it up";
    });
}

TEST(WhenAny, WaitsForLosersThatTakeTime) {
    run_virtual([]() -> task<void> {
        const auto slow_to_stop = []() -> task<int> {
            static_cast<void>(co_await sleep_for(1h));
            for (int i = 0; i < 10; ++i) {
                co_await yield();
            }
            co_return 10;
        };
        auto any = co_await when_any(sleep_for(1s), slow_to_stop());
        EXPECT_EQ(any.index, 0U);
        EXPECT_EQ(std::get<1>(any.results), 10);
    });
}

TEST(WhenAny, TakesAVectorOfTasks) {
    run_virtual([]() -> task<void> {
        std::vector<task<result<int>>> tasks;
        for (int i = 0; i < 10; ++i) {
            tasks.push_back(after((10 - i) * 1s, i));
        }
        auto any = co_await when_any(std::move(tasks));
        EXPECT_EQ(any.index, 9U);
        EXPECT_EQ(any.results[9], 9);
        EXPECT_EQ(any.results[0].error(), errc::cancelled);
    });
}

TEST(WhenAny, StopsWithTheTaskThatAwaitsIt) {
    stop_everywhere(
        3, 1s, 3,
        []() -> task<void> {
            auto any = co_await when_any(after(2s, 2), after(3s, 3));
            const bool value = std::get<0>(any.results).has_value();
            EXPECT_EQ(value, loop::current().now() == time_point(2s));
        },
        [](int, int) {});
}

TEST(When, CombinesWithItself) {
    run_virtual([]() -> task<void> {
        auto nested = co_await when_any(when_all(after(1s, 1), after(2s, 2)), sleep_for(3s));
        EXPECT_EQ(nested.index, 0U);
        EXPECT_EQ(std::get<1>(std::get<0>(nested.results)), 2);
    });
}

} // namespace
} // namespace runnel
