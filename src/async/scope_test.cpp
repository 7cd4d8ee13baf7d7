// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/scope.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

task<result<void>> sleep_then(duration span, result<void> outcome) {
    auto slept = co_await sleep_for(span);
    co_return slept ? outcome : slept;
}

TEST(Scope, WaitsForItsChildren) {
    int done = 0;
    run_virtual([&]() -> task<void> {
        auto outcome = co_await with_scope([&](scope& s) -> task<void> {
            for (int i = 0; i < 10; ++i) {
                s.spawn([&, i]() -> task<void> {
                    static_cast<void>(co_await sleep_for(i * 1s));
                    ++done;
                });
            }
            EXPECT_EQ(s.size(), 10U);
            co_return;
        });
        EXPECT_TRUE(outcome);
        EXPECT_EQ(done, 10);
        EXPECT_EQ(loop::current().now(), time_point(9s));
    });
}

TEST(Scope, WithoutChildrenIsItsBody) {
    run_virtual([]() -> task<void> {
        auto value = co_await with_scope([](scope&) -> task<int> { co_return 7; });
        EXPECT_EQ(value, 7);
        auto later = co_await with_scope([](scope&) -> task<result<std::string>> {
            co_await yield();
            co_return "later";
        });
        EXPECT_EQ(later, "later");
        auto failed =
            co_await with_scope([](scope&) -> task<result<int>> { co_return fail(errc::end); });
        EXPECT_EQ(failed.error(), errc::end);
    });
}

TEST(Scope, StartsChildrenInTheNextTurnInOrder) {
    std::vector<int> order;
    run_virtual([&]() -> task<void> {
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            for (const int id : {1, 2, 3}) {
                s.spawn([&, id]() -> task<void> {
                    order.push_back(id);
                    co_return;
                });
            }
            order.push_back(0);
            co_await yield();
            order.push_back(4);
            EXPECT_EQ(s.size(), 0U) << "what is done is forgotten at once";
        }));
    });
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST(Scope, StopsTheRestAtTheFirstFailureOfAChild) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& s) -> task<result<int>> {
            s.spawn(sleep_then(1s, fail(errc::reset)));
            s.spawn(sleep_then(2s, fail(errc::refused)));
            s.spawn(sleep_then(3s, {}));
            EXPECT_EQ((co_await sleep_for(1h)).error(), errc::cancelled) << "the body is stopped";
            co_return 1;
        });
        EXPECT_EQ(outcome.error(), errc::reset);
        EXPECT_EQ(loop::current().now(), time_point(1s));
    });
}

TEST(Scope, StopsItsChildrenWhenTheBodyFails) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& s) -> task<result<void>> {
            s.spawn(sleep_then(1h, {}));
            static_cast<void>(co_await sleep_for(1s));
            co_return fail(errc::refused);
        });
        EXPECT_EQ(outcome.error(), errc::refused);
        EXPECT_EQ(loop::current().now(), time_point(1s));
    });
}

TEST(Scope, ThrowsTheFirstExceptionAfterTheRestIsDone) {
    for (const bool in_body : {false, true}) {
        bool other_done = false;
        const auto root = [&]() -> task<void> {
            static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
                s.spawn([&]() -> task<void> {
                    EXPECT_FALSE(co_await sleep_for(1h));
                    co_await yield();
                    other_done = true;
                });
                const auto throwing = []() -> task<void> {
                    co_await yield();
                    throw std::runtime_error("escaped");
                };
                if (in_body) {
                    co_await throwing();
                } else {
                    s.spawn(throwing());
                }
            }));
        };
        EXPECT_THROW(run_virtual(root), std::runtime_error);
        EXPECT_TRUE(other_done);
    }
}

TEST(Scope, GivesTheFailureThatCameFirst) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& s) -> task<void> {
            s.spawn(sleep_then(1s, fail(errc::reset)));
            s.spawn([]() -> task<void> {
                EXPECT_FALSE(co_await sleep_for(2s));
                throw std::runtime_error("later than the failure");
            });
            co_return;
        });
        EXPECT_EQ(outcome.error(), errc::reset);
    });
}

TEST(Scope, DoesNotFailBecauseItWasAskedToStop) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& s) -> task<int> {
            s.spawn(sleep_then(1h, {}));
            static_cast<void>(co_await sleep_for(1s));
            s.request_stop();
            EXPECT_TRUE(s.stop_requested());
            co_return 5;
        });
        EXPECT_EQ(outcome, 5);

        auto failed = co_await with_scope([](scope& s) -> task<void> {
            s.spawn([]() -> task<result<void>> {
                static_cast<void>(co_await sleep_for(1h));
                co_return fail(errc::io_error); // not what it was asked for
            });
            co_await yield();
            s.request_stop();
        });
        EXPECT_EQ(failed.error(), errc::io_error);
    });
}

TEST(Scope, RefusesTheOperationsOfChildrenSpawnedAfterAStop) {
    run_virtual([]() -> task<void> {
        bool ran = false;
        auto outcome = co_await with_scope([&](scope& s) -> task<void> {
            s.request_stop();
            s.spawn([&]() -> task<void> {
                ran = true;
                EXPECT_EQ((co_await sleep_for(1s)).error(), errc::cancelled);
            });
            co_return;
        });
        EXPECT_TRUE(outcome);
        EXPECT_TRUE(ran);
    });
}

TEST(Scope, LetsChildrenSpawnSiblings) {
    int count = 0;
    struct tree {
        static task<void> grow(scope& s, int depth, int& count) {
            ++count;
            if (depth > 0) {
                s.spawn(grow(s, depth - 1, count));
                s.spawn(grow(s, depth - 1, count));
            }
            co_return;
        }
    };
    run_virtual([&]() -> task<void> {
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            s.spawn(tree::grow(s, 9, count));
            co_return;
        }));
    });
    EXPECT_EQ(count, 1023);
}

TEST(Scope, FreesAChildAsSoonAsItIsDone) {
    const auto value = std::make_shared<int>(1);
    run_virtual([&]() -> task<void> {
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            const auto hold = [](std::shared_ptr<int> held, duration span) -> task<void> {
                EXPECT_NE(held, nullptr);
                static_cast<void>(co_await sleep_for(span));
            };
            s.spawn(hold(value, 1s));
            s.spawn(hold(value, 2s));
            EXPECT_EQ(value.use_count(), 3);
            static_cast<void>(co_await sleep_for(1s));
            co_await yield();
            EXPECT_EQ(value.use_count(), 2);
        }));
        EXPECT_EQ(value.use_count(), 1);
    });
}

TEST(Scope, EndsWithAllChildrenHoweverItIsStopped) {
    int alive = 0;
    int lost = 0;
    stop_everywhere(
        6, 1s, 4,
        [&]() -> task<void> {
            const auto child = [&](int id) -> task<result<void>> {
                ++alive;
                auto slept = co_await with_timeout(10s, sleep_for(id * 1s));
                --alive;
                co_return slept;
            };
            auto outcome = co_await with_scope([&](scope& s) -> task<result<void>> {
                for (int id = 1; id <= 3; ++id) {
                    s.spawn(child(id));
                }
                co_return co_await sleep_for(4s);
            });
            EXPECT_EQ(alive, 0);
            if (!outcome) {
                EXPECT_EQ(outcome.error(), errc::cancelled);
                ++lost;
            }
        },
        [&](int, int) { EXPECT_EQ(alive, 0); });
    EXPECT_GE(lost, 16) << "most of these stops come before the end";
}

TEST(Scope, MayStandInsideAnother) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& outer) -> task<void> {
            outer.spawn([]() -> task<result<void>> {
                auto inner = co_await with_scope([](scope& s) -> task<void> {
                    s.spawn(sleep_then(1s, fail(errc::reset)));
                    co_return;
                });
                EXPECT_EQ(inner.error(), errc::reset);
                co_return result<void>();
            });
            EXPECT_TRUE(co_await sleep_for(5s)) << "a failure stays in its scope";
        });
        EXPECT_TRUE(outcome);
    });
}

TEST(Scope, LetsItsBodyWaitForTheChildrenAndGoOn) {
    run_virtual([]() -> task<void> {
        auto outcome = co_await with_scope([](scope& s) -> task<int> {
            co_await s.join(); // for nobody
            int sum = 0;       // local to the body
            const auto add = [&](int value) -> task<void> {
                static_cast<void>(co_await sleep_for(value * 1s));
                sum += value;
            };
            s.spawn(add(1));
            s.spawn(add(2));
            co_await s.join();
            EXPECT_EQ(sum, 3);
            s.spawn(add(4));
            co_await s.join();
            co_return sum;
        });
        EXPECT_EQ(outcome, 7);
    });
}

TEST(Scope, LetsItsBodyWaitForTheChildrenEvenWhenItIsStopped) {
    stop_everywhere(
        4, 1s, 4,
        []() -> task<void> {
            static_cast<void>(co_await with_scope([](scope& s) -> task<void> {
                int alive = 0; // local to the body
                const auto child = [&](int id) -> task<result<void>> {
                    ++alive;
                    auto slept = co_await sleep_for(id * 1s);
                    co_await yield();
                    --alive;
                    co_return slept;
                };
                s.spawn(child(1));
                s.spawn(child(2));
                co_await s.join();
                EXPECT_EQ(alive, 0);
            }));
        },
        [](int, int) {});
}

TEST(Scope, RunsAMillionShortTasks) {
    long sum = 0;
    run_virtual([&]() -> task<void> {
        static_cast<void>(co_await with_scope([&](scope& s) -> task<void> {
            const auto add = [](long& total) -> task<void> {
                ++total;
                co_return;
            };
            for (int i = 0; i < 10'000; ++i) {
                for (int j = 0; j < 100; ++j) {
                    s.spawn(add(sum));
                }
                co_await yield();
                EXPECT_EQ(s.size(), 0U);
            }
        }));
    });
    EXPECT_EQ(sum, 1'000'000);
}

} // namespace
} // namespace runnel
