// SPDX-License-Identifier: Apache-2.0
#include "kernel_loop.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

TEST(VirtualTime, JumpsExactlyToTheNextDeadline) {
    run_virtual([]() -> task<void> {
        const time_point start = loop::current().now();
        for (const duration span :
             {duration(1ns), duration(1h), duration(24h * 365), duration(3ns)}) {
            const time_point before = loop::current().now();
            EXPECT_TRUE(co_await sleep_for(span));
            EXPECT_EQ(loop::current().now(), before + span);
        }
        EXPECT_EQ(loop::current().now() - start, 1h + 24h * 365 + 4ns);
    });
}

TEST(VirtualTime, GivesTheSameDatesEachTime) {
    run_virtual([]() -> task<void> {
        const wall_time start = loop::current().wall_now();
        EXPECT_EQ(start, std::chrono::sys_days(std::chrono::year(2000) / 1 / 1));
        EXPECT_TRUE(co_await sleep_for(36h));
        EXPECT_EQ(loop::current().wall_now(), start + 36h);
    });
}

TEST(VirtualTime, StandsStillWhileThereIsSomethingToDo) {
    run_virtual([]() -> task<void> {
        const time_point start = loop::current().now();
        const auto sleeper = [&]() -> task<void> { co_await sleep_for(1ns); };
        const auto busy = [&]() -> task<void> {
            for (int i = 0; i < 10'000; ++i) {
                co_await yield();
                EXPECT_EQ(loop::current().now(), start);
            }
        };
        static_cast<void>(co_await when_all(sleeper(), busy()));
    });
}

/// A scenario of many tasks that sleep, yield, announce and stop, as a list of what happened when.
std::vector<std::string> trace_of(std::uint32_t seed) {
    std::vector<std::string> trace;
    std::mt19937 generator(seed);
    run_virtual([&]() -> task<void> {
        std::array<event, 4> events{event(event_reset::automatic), event(event_reset::automatic),
                                    event(event_reset::automatic), event(event_reset::automatic)};
        const auto worker = [&](int id) -> task<void> {
            for (int step = 0; step < 20; ++step) {
                const auto choice = generator() % 4;
                if (choice == 0) {
                    co_await yield();
                } else if (choice == 1) {
                    events[generator() % 4].set();
                } else if (choice == 2) {
                    static_cast<void>(co_await when_any(events[generator() % 4].wait(),
                                                        sleep_for(duration(generator() % 50))));
                } else {
                    static_cast<void>(co_await sleep_for(duration(generator() % 50)));
                }
                trace.push_back(std::to_string(loop::current().now().time_since_epoch().count()) +
                                ": " + std::to_string(id) + "." + std::to_string(step));
            }
        };
        co_await with_scope([&](scope& s) -> task<void> {
            for (int id = 0; id < 20; ++id) {
                s.spawn(worker(id));
            }
            co_return;
        });
    });
    return trace;
}

TEST(VirtualTime, GivesTheSameTraceEachTime) {
    const auto first = trace_of(1);
    EXPECT_EQ(first.size(), 400U);
    EXPECT_EQ(first, trace_of(1));
    EXPECT_NE(first, trace_of(2));
}

task<result<void>> wait_for(event& awaited) {
    co_return co_await awaited.wait();
}

task<void> deadlocked(result<void>& outcome) {
    event never_set;
    co_await with_scope([&](scope& s) -> task<void> {
        s.spawn([&]() -> task<void> { outcome = co_await wait_for(never_set); }, "the forgotten");
        co_return;
    });
}

TEST(VirtualTime, EndsADeadlockAndSaysWhichTaskWaitsOnWhatAndWhere) {
    auto made = loop::create({.backend = backend_kind::virtual_time, .report_deadlock = true});
    result<void> outcome;
    testing::internal::CaptureStderr();
    (*made)->run(deadlocked(outcome));
    const std::string report = testing::internal::GetCapturedStderr();
    EXPECT_EQ(outcome.error(), errc::deadlock);
    EXPECT_THAT(report, AllOf(HasSubstr("waiting on event\n"), HasSubstr("loop_test.cpp:"),
                              HasSubstr("wait_for("), HasSubstr("(task \"the forgotten\")"),
                              HasSubstr("deadlocked("), HasSubstr("(task \"root\")")));
}

TEST(VirtualTime, IsQuietAboutADeadlockWhenAskedTo) {
    result<void> outcome;
    testing::internal::CaptureStderr();
    run_virtual(deadlocked(outcome));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(outcome.error(), errc::deadlock);
}

TEST(Loop, ListsWhatWaitsAndOnlyThat) {
    run_virtual([]() -> task<void> {
        event one;
        co_await with_scope([&](scope& s) -> task<void> {
            s.spawn([&]() -> task<result<void>> { co_return co_await wait_for(one); }, "waiter");
            co_await yield();
            EXPECT_THAT(loop::current().waiting_report(), HasSubstr("waiter"));
            one.set();
        });
        EXPECT_EQ(loop::current().waiting_report(), "");
    });
}

TEST(Loop, RunsAgainAfterItsRootIsDone) {
    const auto loop = virtual_loop();
    const auto once = [](int value) -> task<int> {
        co_await sleep_for(1s);
        co_return value;
    };
    EXPECT_EQ(loop->run(once(1)), 1);
    EXPECT_EQ(loop->run(once(2)), 2);
    EXPECT_EQ(loop::current_or_null(), nullptr);
}

TEST(Loop, ThrowsWhatItsRootLetEscapeAndCanBeUsedOn) {
    const auto loop = virtual_loop();
    const auto throwing = []() -> task<int> {
        co_await yield();
        throw std::runtime_error("escaped");
    };
    const auto fine = []() -> task<int> { co_return 1; };
    EXPECT_THROW(loop->run(throwing()), std::runtime_error);
    EXPECT_EQ(loop::current_or_null(), nullptr);
    EXPECT_EQ(loop->run(fine()), 1);
}

TEST(Loop, CallsWhatWasPostedInOrderAndBeforeItsNextRunToo) {
    const auto loop = virtual_loop();
    std::vector<int> calls;
    loop->post([&] { calls.push_back(1); });
    loop->run([](class loop& own, std::vector<int>& log) -> task<void> {
        own.post([&] {
            log.push_back(2);
            own.post([&] { log.push_back(4); });
        });
        own.post([&] { log.push_back(3); });
        co_await sleep_for(1s);
    }(*loop, calls));
    EXPECT_EQ(calls, (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(loop->statistics().posted, 4U);
}

TEST(Loop, DropsWhatWasPostedAfterItsLastRun) {
    const auto held = std::make_shared<int>(1);
    {
        const auto loop = virtual_loop();
        loop->post([held] { FAIL(); });
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Loop, NamesItsBackends) {
    EXPECT_EQ(to_string(backend_kind::io_uring), "io_uring");
    EXPECT_EQ(to_string(backend_kind::epoll), "epoll");
    EXPECT_EQ(to_string(virtual_loop()->kind()), "virtual");
}

class KernelLoop : public kernel_loop_test {};

TEST_P(KernelLoop, CallsEverythingThatManyThreadsPostInTheOrderOfEachThread) {
    constexpr int threads = 4;
    constexpr int posts = 5000;
    std::array<int, threads> next{};
    int out_of_order = 0;
    event all_done;
    const auto root = [&]() -> task<void> {
        std::vector<std::jthread> posters;
        for (int id = 0; id < threads; ++id) {
            posters.emplace_back([&, id] {
                for (int i = 0; i < posts; ++i) {
                    owned->post([&, id, i] {
                        int& expected = next[static_cast<std::size_t>(id)];
                        out_of_order += i == expected ? 0 : 1;
                        expected = i + 1;
                        if (next == std::array{posts, posts, posts, posts}) {
                            all_done.set();
                        }
                    });
                }
            });
        }
        EXPECT_TRUE(co_await all_done.wait());
    };
    owned->run(root());
    EXPECT_EQ(out_of_order, 0);
    EXPECT_EQ(owned->statistics().posted, static_cast<std::uint64_t>(threads * posts));
}

/// A thread lets the loop end by what it posts, and is not done with `post` at that moment.
TEST_P(KernelLoop, MayBeDestroyedAsSoonAsWhatWasPostedHasRun) {
    for (int round = 0; round < 200; ++round) {
        auto short_lived = make_loop();
        event posted;
        const auto root = [&]() -> task<void> { EXPECT_TRUE(co_await posted.wait()); };
        const std::jthread poster([&] { short_lived->post([&] { posted.set(); }); });
        short_lived->run(root());
        short_lived.reset();
    }
}

TEST_P(KernelLoop, LetsTimePass) {
    const auto root = []() -> task<void> {
        const time_point start = loop::current().now();
        EXPECT_TRUE(co_await sleep_for(1ms));
        EXPECT_GE(loop::current().now() - start, 1ms);
    };
    owned->run(root());
}

INSTANTIATE_TEST_SUITE_P(Backends, KernelLoop, every_kernel_backend(), name_of_backend);

} // namespace
} // namespace runnel
