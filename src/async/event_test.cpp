// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/event.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

/// Waits for an event and notes that it came.
task<result<void>> follow(event& awaited, int id, std::vector<int>& log) {
    auto waited = co_await awaited.wait();
    if (waited) {
        log.push_back(id);
    }
    co_return waited;
}

TEST(ManualEvent, LetsEverybodyThroughUntilItIsReset) {
    std::vector<int> log;
    run_virtual([&]() -> task<void> {
        event announced;
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            s.spawn(follow(announced, 1, log));
            s.spawn(follow(announced, 2, log));
            co_await yield();
            EXPECT_TRUE(log.empty());
            announced.set();
            announced.reset(); // those who waited go on in any case
            co_await yield();
            EXPECT_EQ(log, (std::vector{1, 2}));
            announced.set();
            EXPECT_TRUE(co_await announced.wait());
            EXPECT_TRUE(co_await announced.wait());
            announced.reset();
            EXPECT_FALSE(announced.is_set());
            s.spawn(follow(announced, 3, log));
            co_await yield();
            EXPECT_EQ(log.size(), 2U);
            s.request_stop();
        }));
    });
    EXPECT_EQ(log.size(), 2U);
}

TEST(AutomaticEvent, LetsOneThroughEachTimeInOrder) {
    std::vector<int> log;
    run_virtual([&]() -> task<void> {
        event announced(event_reset::automatic);
        announced.set();
        announced.set();
        EXPECT_TRUE(co_await announced.wait());
        EXPECT_FALSE(announced.is_set()) << "setting it twice counts once";
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            for (const int id : {1, 2, 3}) {
                s.spawn(follow(announced, id, log));
            }
            for (const int expected : {1, 2, 3}) {
                co_await yield();
                announced.set();
                co_await yield();
                EXPECT_EQ(log.back(), expected);
                EXPECT_FALSE(announced.is_set());
            }
        }));
    });
}

TEST(AutomaticEvent, IsNotUsedUpByOneThatIsStopped) {
    std::vector<int> log;
    run_virtual([&]() -> task<void> {
        event announced(event_reset::automatic);
        auto raced = co_await when_any(announced.wait(), sleep_for(1s));
        EXPECT_EQ(std::get<0>(raced.results).error(), errc::cancelled);
        announced.set();
        EXPECT_TRUE(announced.is_set());

        loop::current().stop().request_stop();
        EXPECT_EQ((co_await announced.wait()).error(), errc::cancelled);
        EXPECT_TRUE(announced.is_set());
    });
}

TEST(AutomaticEvent, LosesNoAnnouncementWhereverTheWaitIsStopped) {
    int received = 0;
    stop_everywhere(
        4, 1s, 4,
        [&]() -> task<void> {
            event announced(event_reset::automatic);
            int sent = 0;
            received = 0;
            const auto sender = [&]() -> task<void> {
                for (int i = 0; i < 3; ++i) {
                    if (!co_await sleep_for(1s)) {
                        break;
                    }
                    announced.set();
                    ++sent;
                }
            };
            const auto receiver = [&]() -> task<void> {
                while (received < 3) {
                    const result<void> told = co_await announced.wait();
                    if (!told) {
                        break;
                    }
                    ++received;
                }
            };
            static_cast<void>(co_await when_all(sender(), receiver()));
            EXPECT_EQ(received + (announced.is_set() ? 1 : 0), sent);
        },
        [](int, int) {});
}

} // namespace
} // namespace runnel
