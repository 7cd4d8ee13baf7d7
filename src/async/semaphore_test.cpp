// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/deadline.hpp"
#include "runnel/async/semaphore.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

TEST(Semaphore, GivesPermitsThatComeBackWhenTheyAreDestroyed) {
    run_virtual([]() -> task<void> {
        semaphore permits(3);
        {
            auto two = co_await permits.acquire(2);
            EXPECT_EQ(two->count(), 2U);
            EXPECT_EQ(permits.available(), 1U);
            EXPECT_FALSE(permits.try_acquire(2));
            auto one = permits.try_acquire();
            EXPECT_TRUE(one);
            EXPECT_EQ(permits.available(), 0U);
            one->release();
            EXPECT_EQ(permits.available(), 1U);
        }
        EXPECT_EQ(permits.available(), 3U);
    });
}

TEST(Semaphore, LetsPermitsBeMovedAndDisowned) {
    run_virtual([]() -> task<void> {
        semaphore permits(2);
        auto first = co_await permits.acquire();
        permit moved = std::move(*first);
        EXPECT_EQ(first->count(), 0U);
        EXPECT_EQ(moved.count(), 1U);
        EXPECT_EQ(moved.disown(), 1U);
        moved.release();
        EXPECT_EQ(permits.available(), 1U);
        permits.release(5);
        EXPECT_EQ(permits.available(), 6U);
    });
}

/// Takes permits, holds them for a time, and notes when it got them.
task<result<void>> hold(semaphore& permits, std::size_t count, duration span, int id,
                        std::vector<int>& log) {
    auto held = co_await permits.acquire(count);
    if (!held) {
        co_return std::unexpected(held.error());
    }
    log.push_back(id);
    co_return co_await sleep_for(span);
}

TEST(Semaphore, ServesFirstComeFirstServedAlsoWhoWantsMany) {
    std::vector<int> log;
    run_virtual([&]() -> task<void> {
        semaphore permits(2);
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            s.spawn(hold(permits, 1, 10s, 1, log));
            s.spawn(hold(permits, 2, 1s, 2, log));
            s.spawn(hold(permits, 1, 1s, 3, log)); // there is one, but 2 came first
            co_await yield();
            EXPECT_FALSE(permits.try_acquire());
            EXPECT_EQ(permits.available(), 1U);
            co_return;
        }));
        EXPECT_EQ(loop::current().now(), time_point(12s));
        EXPECT_EQ(permits.available(), 2U);
    });
    EXPECT_EQ(log, (std::vector{1, 2, 3}));
}

TEST(Semaphore, ServesThoseBehindOneThatGivesUp) {
    std::vector<int> log;
    run_virtual([&]() -> task<void> {
        semaphore permits(2);
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            s.spawn(hold(permits, 1, 10s, 1, log));
            s.spawn([&]() -> task<void> {
                EXPECT_EQ((co_await with_timeout(2s, permits.acquire(2))).error(), errc::timed_out);
            });
            s.spawn(hold(permits, 1, 1s, 3, log));
            co_return;
        }));
        EXPECT_EQ(loop::current().now(), time_point(10s));
    });
    EXPECT_EQ(log, (std::vector{1, 3}));
}

TEST(Semaphore, WithOnePermitIsALock) {
    run_virtual([]() -> task<void> {
        semaphore mutex(1);
        int inside = 0;
        const auto critical = [&]() -> task<void> {
            auto lock = co_await mutex.acquire();
            EXPECT_EQ(++inside, 1);
            static_cast<void>(co_await sleep_for(1s));
            --inside;
        };
        static_cast<void>(co_await when_all(critical(), critical(), critical()));
        EXPECT_EQ(loop::current().now(), time_point(3s));
    });
}

TEST(Semaphore, LosesNoPermitWhereverAnAcquireIsStopped) {
    std::vector<int> log;
    stop_everywhere(
        6, 1s, 6,
        [&]() -> task<void> {
            semaphore permits(2);
            static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
                for (const int id : {1, 2, 3, 4, 5}) {
                    s.spawn(hold(permits, id % 2 == 0 ? 2 : 1, 1s, id, log));
                }
                co_return;
            }));
            EXPECT_EQ(permits.available(), 2U);
        },
        [](int, int) {});
}

} // namespace
} // namespace runnel
