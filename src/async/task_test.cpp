// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/task.hpp"
#include "runnel/async/this_task.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace runnel {
namespace {

task<int> give(int value) {
    co_return value;
}

task<int> give_later(int value) {
    co_await yield();
    co_return value;
}

task<void> note(bool& ran) {
    ran = true;
    co_return;
}

TEST(Task, GivesItsValueToTheAwaiter) {
    EXPECT_EQ(
        run_virtual([]() -> task<int> { co_return co_await give(40) + co_await give_later(2); }),
        42);
}

TEST(Task, GivesAMoveOnlyValue) {
    const auto make = []() -> task<std::unique_ptr<std::string>> {
        co_await yield();
        co_return std::make_unique<std::string>("moved");
    };
    auto text = run_virtual([&]() -> task<std::unique_ptr<std::string>> {
        auto inner = co_await make();
        *inner += " twice";
        co_return inner;
    });
    EXPECT_EQ(*text, "moved twice");
}

TEST(Task, GivesAnErrorAsAValue) {
    const auto failing = []() -> task<result<int>> { co_return fail(errc::reset); };
    const auto outer = [&]() -> task<result<int>> { co_return co_await failing(); };
    EXPECT_EQ(run_virtual(outer).error(), errc::reset);
}

TEST(Task, ThrowsWhatEscapesAtTheAwaiter) {
    const auto throwing = [](bool later) -> task<int> {
        if (later) {
            co_await yield();
        }
        throw std::runtime_error("escaped");
    };
    for (const bool later : {false, true}) {
        const auto catching = [&]() -> task<std::string> {
            try {
                co_await throwing(later);
            } catch (const std::runtime_error& caught) {
                co_return caught.what();
            }
            co_return "nothing";
        };
        EXPECT_EQ(run_virtual(catching), "escaped");
        EXPECT_THROW(run_virtual(throwing(later)), std::runtime_error);
    }
}

TEST(Task, StartsOnlyWhenAwaited) {
    bool ran = false;
    run_virtual([&]() -> task<void> {
        auto started_later = note(ran);
        co_await yield();
        EXPECT_FALSE(ran);
        co_await std::move(started_later);
        EXPECT_TRUE(ran);
    });
}

TEST(Task, FreesItsParametersWhenDroppedBeforeItStarts) {
    const auto value = std::make_shared<int>(1);
    const auto hold = [](std::shared_ptr<int> held) -> task<void> {
        EXPECT_NE(held, nullptr);
        co_return;
    };
    {
        const auto dropped = hold(value);
        EXPECT_EQ(value.use_count(), 2);
    }
    EXPECT_EQ(value.use_count(), 1);
}

TEST(Task, FreesItsFrameAtTheEndOfTheAwaitingExpression) {
    const auto value = std::make_shared<int>(1);
    const auto use = [](std::shared_ptr<int> held) -> task<long> {
        co_await yield();
        co_return held.use_count();
    };
    run_virtual([&]() -> task<void> {
        EXPECT_EQ(co_await use(value), 2);
        EXPECT_EQ(value.use_count(), 1);
    });
}

TEST(Task, CanBeMovedAndSwappedBeforeItStarts) {
    run_virtual([]() -> task<void> {
        auto first = give(1);
        auto second = give_later(2);
        auto moved = std::move(first);
        moved = std::move(second);
        EXPECT_EQ(co_await std::move(moved), 2);
    });
}

TEST(Task, AwaitsAMillionReadyTasksWithoutGrowingTheStack) {
    const auto sum = [](int count) -> task<long> {
        long total = 0;
        for (int i = 0; i < count; ++i) {
            total += co_await give(1);
        }
        co_return total;
    };
    EXPECT_EQ(run_virtual(sum(1'000'000)), 1'000'000);
}

TEST(Task, AwaitsAHundredThousandSuspendingTasksWithoutGrowingTheStack) {
    const auto sum = [](int count) -> task<long> {
        long total = 0;
        for (int i = 0; i < count; ++i) {
            total += co_await give_later(1);
        }
        co_return total;
    };
    EXPECT_EQ(run_virtual(sum(100'000)), 100'000);
}

task<int> descend(int depth, bool suspend_at_the_bottom) {
    if (depth == 0) {
        if (suspend_at_the_bottom) {
            co_await yield();
        }
        co_return 0;
    }
    co_return 1 + co_await descend(depth - 1, suspend_at_the_bottom);
}

TEST(Task, RecursesTenThousandDeep) {
    EXPECT_EQ(run_virtual(descend(10'000, false)), 10'000);
    EXPECT_EQ(run_virtual(descend(10'000, true)), 10'000);
}

TEST(Task, InheritsWhatStopsItsAwaiter) {
    const auto inner = [](stop_source* expected) -> task<void> {
        EXPECT_EQ(co_await this_task::stop(), expected);
    };
    run_virtual([&]() -> task<void> {
        stop_source& whole_loop = loop::current().stop();
        EXPECT_EQ(co_await this_task::stop(), &whole_loop);
        co_await inner(&whole_loop);
    });
}

TEST(Task, CanAskWhetherItWasStopped) {
    run_virtual([]() -> task<void> {
        EXPECT_FALSE(co_await this_task::stop_requested());
        loop::current().stop().request_stop();
        EXPECT_TRUE(co_await this_task::stop_requested());
    });
}

TEST(Task, KnowsIfItFailed) {
    const auto check = [](auto running, bool failed) -> task<void> {
        const auto frame = running.frame();
        frame.promise().adopt_as_root(
            frame, [](promise_base&) noexcept {}, nullptr, nullptr, nullptr, "checked");
        EXPECT_TRUE(frame.promise().run_inline(frame));
        EXPECT_EQ(frame.promise().failed(), failed);
        EXPECT_STREQ(frame.promise().name(), "checked");
        co_return;
    };
    const auto throwing = []() -> task<void> {
        throw std::runtime_error("escaped");
        co_return;
    };
    const auto good = []() -> task<result<void>> { co_return result<void>(); };
    const auto bad = []() -> task<result<void>> { co_return fail(errc::end); };
    run_virtual([&]() -> task<void> {
        co_await check(give(1), false);
        co_await check(throwing(), true);
        co_await check(good(), false);
        co_await check(bad(), true);
    });
}

} // namespace
} // namespace runnel
