// SPDX-License-Identifier: Apache-2.0
#include "blocking_pool.hpp"
#include "kernel_loop.hpp"
#include "runnel/async/blocking.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

/// Lets threads wait until it has been opened so many times.
class gate {
public:
    explicit gate(std::size_t times = 1) : left_(times) {}
    void open() {
        const std::lock_guard lock(mutex_);
        --left_;
        opened_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, [this] { return left_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    std::size_t left_;
};

class Blocking : public kernel_loop_test {};

TEST_P(Blocking, CallsOnAnotherThreadAndGivesTheResultHere) {
    const auto root = []() -> task<void> {
        const auto here = std::this_thread::get_id();
        std::thread::id there;
        auto value = co_await run_blocking([&] {
            there = std::this_thread::get_id();
            return std::make_unique<int>(7);
        });
        EXPECT_EQ(**value, 7);
        EXPECT_NE(there, here);
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_TRUE(co_await run_blocking([] {}));
    };
    owned->run(root());
}

TEST_P(Blocking, CarriesErrorsAndExceptions) {
    const auto root = []() -> task<void> {
        auto failed = co_await run_blocking([]() -> result<int> { return fail(errc::not_found); });
        EXPECT_EQ(failed.error(), errc::not_found);
        bool caught = false;
        try {
            static_cast<void>(
                co_await run_blocking([]() -> int { throw std::runtime_error("escaped"); }));
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    };
    owned->run(root());
}

TEST_P(Blocking, LetsTheLoopGoOnMeanwhile) {
    const auto root = []() -> task<void> {
        gate go;
        const auto blocked = [&]() -> task<void> {
            EXPECT_TRUE(co_await run_blocking([&] { go.wait(); }));
        };
        const auto releases = [&]() -> task<void> {
            co_await yield();
            go.open();
        };
        static_cast<void>(co_await when_all(blocked(), releases()));
    };
    owned->run(root());
}

TEST_P(Blocking, WaitsForACallThatHasBegunAndThenReportsTheStop) {
    const auto root = []() -> task<void> {
        gate begun;
        gate go;
        std::atomic<bool> ended = false;
        const auto blocked = [&]() -> task<result<int>> {
            co_return co_await run_blocking([&] {
                begun.open();
                go.wait();
                ended = true;
                return 1;
            });
        };
        const auto stops = [&]() -> task<result<void>> {
            begun.wait();
            loop::current().post([&] { go.open(); });
            co_return fail(errc::io_error);
        };
        auto both = co_await when_all(blocked(), stops());
        EXPECT_EQ(std::get<0>(both).error(), errc::cancelled);
        EXPECT_TRUE(ended);
    };
    owned->run(root());
}

TEST_P(Blocking, EndsACallThatHasNotBegunAtOnce) {
    const auto root = []() -> task<void> {
        gate all_busy(blocking_pool::most_threads);
        gate go;
        const auto occupy = [&]() -> task<result<void>> {
            co_return co_await run_blocking([&] {
                all_busy.open();
                go.wait();
            });
        };
        bool ran = false;
        co_await with_scope([&](scope& s) -> task<void> {
            for (std::size_t i = 0; i < blocking_pool::most_threads; ++i) {
                s.spawn(occupy());
            }
            co_await yield();
            all_busy.wait();
            EXPECT_EQ(blocking_pool::shared().threads(), blocking_pool::most_threads);
            auto queued = co_await with_timeout(1ms, run_blocking([&] { ran = true; }));
            EXPECT_EQ(queued.error(), errc::timed_out);
            go.open();
        });
        EXPECT_FALSE(ran);
    };
    owned->run(root());
}

TEST_P(Blocking, TakesManyMoreCallsThanThreads) {
    const auto root = []() -> task<void> {
        std::atomic<int> calls = 0;
        std::vector<task<result<int>>> tasks;
        const auto call = [&]() -> task<result<int>> {
            co_return co_await run_blocking([&] { return ++calls; });
        };
        for (int i = 0; i < 1000; ++i) {
            tasks.push_back(call());
        }
        auto all = co_await when_all(std::move(tasks));
        EXPECT_EQ(all.size(), 1000U);
        EXPECT_EQ(calls, 1000);
        EXPECT_LE(blocking_pool::shared().threads(), blocking_pool::most_threads);
    };
    owned->run(root());
}

INSTANTIATE_TEST_SUITE_P(Backends, Blocking, every_kernel_backend(), name_of_backend);

TEST(BlockingInVirtualTime, CallsInline) {
    run_virtual([]() -> task<void> {
        const auto here = std::this_thread::get_id();
        auto there = co_await run_blocking([] { return std::this_thread::get_id(); });
        EXPECT_EQ(there, here);
        loop::current().stop().request_stop();
        bool ran = false;
        EXPECT_EQ((co_await run_blocking([&] { ran = true; })).error(), errc::cancelled);
        EXPECT_FALSE(ran);
    });
}

} // namespace
} // namespace runnel
