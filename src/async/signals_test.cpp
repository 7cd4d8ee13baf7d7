// SPDX-License-Identifier: Apache-2.0
#include "kernel_loop.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/signals.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <csignal>

namespace runnel {
namespace {

using namespace std::chrono_literals;

class Signals : public kernel_loop_test {};

TEST_P(Signals, ComeToWhoWaits) {
    const auto root = []() -> task<void> {
        signal_set set{SIGUSR1, SIGUSR2};
        const auto raises = []() -> task<void> {
            co_await yield();
            std::raise(SIGUSR2);
        };
        auto both = co_await when_all(set.next(), raises());
        EXPECT_EQ(std::get<0>(both), SIGUSR2);
        std::raise(SIGUSR1);
        EXPECT_EQ(co_await set.next(), SIGUSR1);
    };
    owned->run(root());
}

TEST_P(Signals, AreKeptUntilSomebodyAsksAndCountOnceForEachNumber) {
    const auto root = []() -> task<void> {
        signal_set set{SIGUSR1, SIGUSR2};
        std::raise(SIGUSR2);
        std::raise(SIGUSR1);
        std::raise(SIGUSR2);
        EXPECT_EQ(co_await set.next(), SIGUSR1);
        EXPECT_EQ(co_await set.next(), SIGUSR2);
        EXPECT_EQ((co_await with_timeout(1ms, set.next())).error(), errc::timed_out);
    };
    owned->run(root());
}

TEST_P(Signals, AreNotLostWhenAWaitIsStopped) {
    const auto root = []() -> task<void> {
        signal_set set{SIGUSR1};
        for (int i = 0; i < 50; ++i) {
            const auto raises = [&]() -> task<void> {
                for (int turn = 0; turn < i % 5; ++turn) {
                    co_await yield();
                }
                std::raise(SIGUSR1);
            };
            auto raced = co_await when_all(with_timeout(i % 3 * 1us, set.next()), raises());
            auto received = std::get<0>(raced);
            if (!received) {
                received = co_await set.next();
            }
            EXPECT_EQ(received, SIGUSR1);
        }
        EXPECT_EQ((co_await with_timeout(1ms, set.next())).error(), errc::timed_out);
    };
    owned->run(root());
}

TEST_P(Signals, ComeToEverySetThatNamesThem) {
    const auto root = []() -> task<void> {
        signal_set one{SIGUSR1};
        signal_set both{SIGUSR1, SIGUSR2};
        signal_set other{SIGUSR2};
        std::raise(SIGUSR1);
        EXPECT_EQ(co_await one.next(), SIGUSR1);
        EXPECT_EQ(co_await both.next(), SIGUSR1);
        EXPECT_EQ((co_await with_timeout(1ms, other.next())).error(), errc::timed_out);
    };
    owned->run(root());
}

TEST_P(Signals, ComeToSetsOfSeveralLoops) {
    std::atomic<int> received = 0;
    std::atomic<int> ready = 0;
    const auto receives = [&]() -> task<void> {
        signal_set set{SIGUSR1};
        ++ready;
        EXPECT_EQ(co_await set.next(), SIGUSR1);
        ++received;
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] { make_loop()->run(receives()); });
        }
        while (ready < 3) {
            std::this_thread::yield();
        }
        std::raise(SIGUSR1);
    }
    EXPECT_EQ(received, 3);
}

std::atomic<int> former_calls = 0;

TEST_P(Signals, DoAgainWhatTheyDidBeforeOnceTheLastSetIsGone) {
    struct sigaction own{};
    own.sa_handler = [](int) { ++former_calls; };
    struct sigaction before{};
    ::sigaction(SIGUSR1, &own, &before);
    former_calls = 0;
    const auto root = []() -> task<void> {
        std::optional<signal_set> first;
        first.emplace(std::initializer_list<int>{SIGUSR1});
        std::optional<signal_set> second;
        second.emplace(std::initializer_list<int>{SIGUSR1, SIGUSR1});
        first.reset();
        std::raise(SIGUSR1);
        EXPECT_EQ(former_calls, 0);
        EXPECT_EQ(co_await second->next(), SIGUSR1);
        second.reset();
        std::raise(SIGUSR1);
        EXPECT_EQ(former_calls, 1);
    };
    owned->run(root());
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(Signals, TellWhyASetCannotBeMade) {
    const auto root = []() -> task<void> {
        signal_set not_catchable{SIGUSR1, SIGKILL};
        EXPECT_EQ((co_await not_catchable.next()).error(), errc::invalid_argument);
        signal_set no_signal{0};
        EXPECT_EQ((co_await no_signal.next()).error(), errc::invalid_argument);
        signal_set no_signal_either{1000};
        EXPECT_EQ((co_await no_signal_either.next()).error(), errc::invalid_argument);
    };
    owned->run(root());
}

TEST_P(Signals, HaveOneWaitingTaskASet) {
    const auto root = []() -> task<void> {
        signal_set set{SIGUSR1};
        auto any = co_await when_any(set.next(), set.next());
        EXPECT_EQ(any.index, 1U);
        EXPECT_EQ(std::get<1>(any.results).error(), errc::busy);
        EXPECT_EQ(std::get<0>(any.results).error(), errc::cancelled);
        std::raise(SIGUSR1);
        EXPECT_EQ(co_await set.next(), SIGUSR1);
    };
    owned->run(root());
}

TEST_P(Signals, ComeThroughUnderLoadWhileSetsComeAndGo) {
    std::atomic<bool> stop = false;
    const auto root = [&]() -> task<void> {
        signal_set lasting{SIGUSR1};
        std::jthread raises([&] {
            while (!stop) {
                std::raise(SIGUSR1);
            }
        });
        for (int i = 0; i < 500; ++i) {
            signal_set set{SIGUSR1};
            EXPECT_EQ(co_await set.next(), SIGUSR1);
        }
        stop = true;
        raises.join();
    };
    owned->run(root());
}

INSTANTIATE_TEST_SUITE_P(Backends, Signals, every_kernel_backend(), name_of_backend);

TEST(SignalsInVirtualTime, AreNotSupported) {
    run_virtual([]() -> task<void> {
        signal_set set{SIGUSR1};
        EXPECT_EQ((co_await set.next()).error(), errc::not_supported);
    });
}

} // namespace
} // namespace runnel
