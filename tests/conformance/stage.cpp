// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/async/when.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool slow_build = true;
#elif defined(__has_feature)
constexpr bool slow_build = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool slow_build = false;
#endif

/// Turns of a real loop after which everything that happens by itself has happened.
constexpr int settle_turns = 32;

std::size_t open_descriptors(bool with_pipes) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone; // the directory's own, for one
        const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
        count += with_pipes || !target.starts_with("pipe:") ? 1 : 0;
    }
    return count;
}

/// Stops a test that has run for too long: it hangs.
class watchdog final : private timer {
public:
    explicit watchdog(loop& watched) noexcept : timer(&bite), loop_(&watched) {
        loop_->arm(*this, loop_->now() + limit());
    }

private:
    // Virtual time comes here as soon as nothing else is left to happen.
    [[nodiscard]] duration limit() const noexcept {
        return loop_->is_virtual() ? duration(24h * 365)
               : slow_build        ? duration(300s)
                                   : duration(60s);
    }

    static void bite(timer& self) noexcept {
        auto& dog = static_cast<watchdog&>(self);
        const std::string report = dog.loop_->waiting_report();
        if (dog.loop_->stop().stop_requested()) {
            std::fprintf(stderr, "The test cannot be stopped:\n%s", report.c_str());
            std::abort();
        }
        ADD_FAILURE() << "the test hangs:\n" << report;
        dog.loop_->stop().request_stop();
        dog.loop_->arm(dog, dog.loop_->now() + dog.limit());
    }

    loop* loop_;
};

} // namespace

bool is_slow_build() {
    return slow_build;
}

task<bool> stage::connect() {
    a.reset();
    b.reset();
    auto pair = co_await how_->connect(*tasks_);
    if (!pair) {
        ADD_FAILURE() << "connect: " << pair.error().message();
        co_return false;
    }
    a = std::move(pair->first);
    b = std::move(pair->second);
    co_return true;
}

task<void> stage::settle() {
    if (loop::current().is_virtual()) {
        co_await sleep_for(1min);
    } else {
        co_await after(settle_turns);
    }
}

task<void> stage::close_both(place where) {
    const auto closed = co_await when_all(a->close(), b->close());
    expect_success(std::get<0>(closed), where);
    expect_success(std::get<1>(closed), where);
}

void contract::SetUp() {
    buffers_ = buffer_pool::local().statistics().live;
    descriptors_ = open_descriptors(!can().keeps_pipes);
    auto made = loop::create({.backend = GetParam().backend, .report_deadlock = true});
    if (!made) {
        GTEST_SKIP() << made.error().message();
    }
    loop_ = std::move(*made);
}

void contract::TearDown() {
    if (loop_ == nullptr) {
        return;
    }
    EXPECT_EQ(loop_->waiting_report(), "");
    loop_.reset();
    EXPECT_EQ(buffer_pool::local().statistics().live, buffers_) << "buffers were leaked";
    EXPECT_EQ(open_descriptors(!can().keeps_pipes), descriptors_) << "descriptors were leaked";
}

task<void> contract::perform(const play& body, bool connected) {
    const watchdog dog(loop::current());
    const auto outcome = co_await with_scope([&](scope& tasks) -> task<void> {
        stage all(*GetParam().how, tasks);
        if (!connected || co_await all.connect()) {
            co_await body(all);
        }
    });
    GetParam().how->disconnect();
    if (!outcome && !HasFailure()) {
        ADD_FAILURE() << "a helper of the transport failed: " << outcome.error().message();
    }
}

void contract::run(const play& body) {
    loop_->run(perform(body, true));
}

void contract::run_unconnected(const play& body) {
    loop_->run(perform(body, false));
}

} // namespace runnel::conformance
