// SPDX-License-Identifier: Apache-2.0
#include "kernel_loop.hpp"
#include "runnel/async/channel.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/remote.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace runnel {
namespace {

using namespace std::chrono_literals;

/// A second loop that runs on its own thread until it is told to end.
class Remote : public kernel_loop_test {
protected:
    void SetUp() override {
        kernel_loop_test::SetUp();
        other = make_loop();
        if (other != nullptr) {
            thread = std::jthread([this] {
                const auto until_told = [&]() -> task<void> {
                    EXPECT_TRUE(co_await end_other.wait());
                };
                other->run(until_told());
            });
        }
    }
    void TearDown() override {
        if (thread.joinable()) {
            other->post([this] { end_other.set(); });
            thread.join();
        }
    }

    std::unique_ptr<loop> other;
    event end_other;
    std::jthread thread;
};

TEST_P(Remote, RunsATaskOnTheOtherLoopAndGivesItsResultHere) {
    const auto root = [&]() -> task<void> {
        const auto here = std::this_thread::get_id();
        const auto work = [&](std::unique_ptr<int> parameter) -> task<std::string> {
            EXPECT_EQ(&loop::current(), other.get());
            EXPECT_NE(std::this_thread::get_id(), here);
            co_await yield();
            co_return std::to_string(*parameter);
        };
        auto text = co_await run_on(*other, work(std::make_unique<int>(7)));
        EXPECT_EQ(text, "7");
        EXPECT_EQ(std::this_thread::get_id(), here);
    };
    owned->run(root());
}

TEST_P(Remote, CarriesErrorsAndExceptions) {
    const auto root = [&]() -> task<void> {
        const auto failing = []() -> task<result<int>> { co_return fail(errc::reset); };
        EXPECT_EQ((co_await run_on(*other, failing())).error(), errc::reset);
        const auto nothing = []() -> task<void> { co_return; };
        EXPECT_TRUE(co_await run_on(*other, nothing()));
        const auto throwing = []() -> task<int> {
            co_await yield();
            throw std::runtime_error("escaped there");
        };
        bool caught = false;
        try {
            static_cast<void>(co_await run_on(*other, throwing()));
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    };
    owned->run(root());
}

TEST_P(Remote, StopsTheTaskThereWhenTheTaskHereIsStopped) {
    const auto root = [&]() -> task<void> {
        const auto forever = []() -> task<result<void>> { co_return co_await sleep_until(never); };
        auto timed = co_await with_timeout(1ms, run_on(*other, forever()));
        EXPECT_EQ(timed.error(), errc::timed_out);

        const auto ready = []() -> task<int> { co_return 1; };
        auto raced = co_await when_any(ready(), run_on(*other, forever()));
        EXPECT_EQ(std::get<1>(raced.results).error(), errc::cancelled);

        loop::current().stop().request_stop();
        EXPECT_EQ((co_await run_on(*other, forever())).error(), errc::cancelled);
    };
    owned->run(root());
}

TEST_P(Remote, StopsWhatOthersRunOnALoopWhoseRootIsDone) {
    const auto root = [&]() -> task<void> {
        const auto forever = [&]() -> task<result<void>> {
            end_other.set();
            co_return co_await sleep_until(never);
        };
        auto outcome = co_await run_on(*other, forever());
        EXPECT_EQ(outcome.error(), errc::cancelled);
    };
    owned->run(root());
}

TEST_P(Remote, FailsWhenTheOtherLoopEndsBeforeItRanTheTask) {
    const auto root = [&]() -> task<void> {
        auto idle = make_loop(); // which never runs
        bool ran = false;
        const auto work = [&]() -> task<void> {
            ran = true;
            co_return;
        };
        const auto destroy = [&]() -> task<void> {
            co_await yield();
            idle.reset();
        };
        auto both = co_await when_all(run_on(*idle, work()), destroy());
        EXPECT_EQ(std::get<0>(both).error(), errc::closed);
        EXPECT_FALSE(ran);
    };
    owned->run(root());
}

TEST_P(Remote, StressesTheEndOfTasksAgainstTheirStop) {
    const auto root = [&]() -> task<void> {
        const auto work = [](int turns) -> task<result<int>> {
            for (int i = 0; i < turns; ++i) {
                co_await yield();
            }
            auto slept = co_await sleep_for(1us);
            co_return slept ? result<int>(turns) : std::unexpected(slept.error());
        };
        int done = 0;
        constexpr int rounds = 500;
        for (int round = 0; round < rounds; ++round) {
            const duration limit = round % 10 * 2us;
            auto both = co_await when_all(with_timeout(limit, run_on(*other, work(round % 7))),
                                          with_timeout(10us, run_on(*other, work(round % 5))));
            done += std::get<0>(both) ? 1 : 0;
        }
        EXPECT_LT(done, rounds);
    };
    owned->run(root());
}

TEST_P(Remote, ReachesAChannelOfTheOtherLoop) {
    const auto root = [&]() -> task<void> {
        channel<std::string> items(1); // belongs to the other loop
        const auto send = [&](std::string text) -> task<result<void>> {
            co_return co_await items.send(std::move(text));
        };
        const auto receive = [&]() -> task<result<std::string>> {
            co_return co_await items.receive();
        };
        EXPECT_TRUE(co_await run_on(*other, send("over")));
        EXPECT_EQ(co_await run_on(*other, receive()), "over");
    };
    owned->run(root());
}

INSTANTIATE_TEST_SUITE_P(Backends, Remote, every_kernel_backend(), name_of_backend);

TEST(RemoteInVirtualTime, ReachesOnlyItself) {
    const auto elsewhere = virtual_loop();
    run_virtual([&]() -> task<void> {
        const auto answer = []() -> task<int> {
            EXPECT_TRUE(co_await sleep_for(1s));
            co_return 42;
        };
        EXPECT_EQ(co_await run_on(loop::current(), answer()), 42);
        EXPECT_EQ((co_await run_on(*elsewhere, answer())).error(), errc::not_supported);
    });
}

} // namespace
} // namespace runnel
