// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/this_task.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <utility>

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

TEST(Deadline, GivesWhatCameBeforeIt) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ(co_await with_timeout(2s, after(1s, 7)), 7);
        EXPECT_EQ(loop::current().now(), time_point(1s));
        EXPECT_TRUE(co_await with_timeout(2s, sleep_for(1s)));
    });
}

TEST(Deadline, StopsATaskOrAnOperationThatTakesLonger) {
    run_virtual([]() -> task<void> {
        auto value = co_await with_timeout(1s, after(2s, 7));
        EXPECT_EQ(value.error(), errc::timed_out);
        EXPECT_EQ(value.error().text(), "deadline passed");
        EXPECT_EQ(loop::current().now(), time_point(1s));
        auto slept = co_await with_deadline(time_point(3s), sleep_until(time_point(4s)));
        EXPECT_EQ(slept.error(), errc::timed_out);
        EXPECT_EQ(loop::current().now(), time_point(3s));
    });
}

/// Sets an event at a moment, without a task.
struct setting_timer : timer {
    explicit setting_timer(event& what)
        : timer([](timer& self) noexcept { static_cast<setting_timer&>(self).target.set(); }),
          target(what) {}
    event& target;
};

TEST(Deadline, KeepsASuccessThatCameInTheSameMoment) {
    run_virtual([]() -> task<void> {
        event set;
        setting_timer setter(set);
        loop::current().arm(setter, time_point(1s));
        // Of two timers of one moment, the one armed first fires first.
        EXPECT_TRUE(co_await with_timeout(1s, set.wait()));
        EXPECT_EQ(loop::current().now(), time_point(1s));
    });
}

TEST(Deadline, WinsAgainstWhatWouldHaveComeLaterInTheSameMoment) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ((co_await with_timeout(1s, sleep_for(1s))).error(), errc::timed_out);
    });
}

TEST(Deadline, RefusesWhatBeginsAfterIt) {
    run_virtual([]() -> task<void> {
        static_cast<void>(co_await sleep_for(1s));
        event set;
        set.set();
        for (const auto moment : {time_point(), loop::current().now()}) {
            EXPECT_EQ((co_await with_deadline(moment, set.wait())).error(), errc::timed_out);
            EXPECT_EQ((co_await with_deadline(moment, after(0s, 1))).error(), errc::timed_out);
        }
    });
}

TEST(Deadline, OfNeverIsNone) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ(co_await with_deadline(never, after(24h, 1)), 1);
        EXPECT_EQ(co_await with_timeout(duration::max(), after(24h, 1)), 1);
    });
}

TEST(Deadline, NestsAndTheEarliestActs) {
    run_virtual([]() -> task<void> {
        const time_point start = loop::current().now();
        auto inner = co_await with_timeout(5s, with_timeout(1s, after(9s, 1)));
        EXPECT_EQ(inner.error(), errc::timed_out);
        EXPECT_EQ(loop::current().now() - start, 1s);
        auto outer = co_await with_timeout(1s, with_timeout(5s, after(9s, 1)));
        EXPECT_EQ(outer.error(), errc::timed_out);
        EXPECT_EQ(loop::current().now() - start, 2s);
    });
}

TEST(Deadline, LetsTheTaskGoOnAfterwards) {
    run_virtual([]() -> task<void> {
        stop_source* const before = co_await this_task::stop();
        EXPECT_FALSE(co_await with_timeout(1s, sleep_for(2s)));
        EXPECT_EQ(co_await this_task::stop(), before);
        EXPECT_FALSE(co_await this_task::stop_requested());
        EXPECT_TRUE(co_await sleep_for(10s));
    });
}

TEST(Deadline, PassesOnAStopFromOutside) {
    run_virtual([]() -> task<void> {
        const auto bounded = []() -> task<result<int>> {
            co_return co_await with_timeout(1h, after(2h, 1));
        };
        auto both = co_await when_any(bounded(), sleep_for(1s));
        EXPECT_EQ(std::get<0>(both.results).error(), errc::cancelled);
        EXPECT_EQ(loop::current().now(), time_point(1s));

        loop::current().stop().request_stop();
        EXPECT_EQ((co_await with_timeout(1h, sleep_for(1s))).error(), errc::cancelled);
    });
}

TEST(Deadline, ThrowsWhatEscapesAndLetsTheTaskGoOn) {
    run_virtual([]() -> task<void> {
        const auto throwing = [](bool later) -> task<int> {
            if (later) {
                co_await yield();
            }
            throw std::runtime_error("escaped");
        };
        for (const bool later : {false, true}) {
            bool caught = false;
            try {
                co_await with_timeout(1s, throwing(later));
            } catch (const std::runtime_error&) {
                caught = true;
            }
            EXPECT_TRUE(caught);
            EXPECT_TRUE(co_await sleep_for(5s));
        }
    });
}

TEST(Deadline, BoundsAnythingThatCanBeAwaited) {
    run_virtual([]() -> task<void> {
        auto all = co_await with_timeout(1s, when_all(after(2s, 1), after(0s, 2)));
        EXPECT_EQ(std::get<0>(all).error(), errc::timed_out);
        EXPECT_EQ(std::get<1>(all), 2);
        auto scoped = co_await with_timeout(
            1s, with_scope([](scope& s) -> task<result<int>> {
                s.spawn([]() -> task<result<void>> { co_return co_await sleep_for(1h); });
                co_return 1;
            }));
        EXPECT_EQ(scoped.error(), errc::timed_out);
        co_await with_timeout(1s, yield());
    });
}

TEST(Deadline, MayBeMadeBeforeItIsAwaited) {
    run_virtual([]() -> task<void> {
        auto bounded = with_timeout(3s, after(5s, 1));
        static_cast<void>(co_await sleep_for(1s));
        auto moved = std::move(bounded);
        EXPECT_EQ((co_await std::move(moved)).error(), errc::timed_out);
        EXPECT_EQ(loop::current().now(), time_point(3s));
    });
}

} // namespace
} // namespace runnel
