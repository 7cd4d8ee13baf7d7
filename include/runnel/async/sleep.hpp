// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/async/time.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/core/error.hpp"

#include <coroutine>
#include <string_view>

namespace runnel::inline v0 {

/// Waits for a moment: see `sleep_until`.
class sleep_operation final : public operation, private timer {
public:
    explicit sleep_operation(time_point moment) noexcept;
    sleep_operation(sleep_operation&& unstarted) noexcept : sleep_operation(unstarted.moment_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "sleep"; }
    result<void> await_resume() noexcept { return std::move(result_); }

protected:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;

private:
    time_point moment_;
    result<void> result_;
};

/// Waits until `moment` of the loop's clock, not at all if that has passed; `never` waits for the
/// stop. Gives success, or the error of the stop that came first.
[[nodiscard]] inline sleep_operation sleep_until(time_point moment) noexcept {
    return sleep_operation(moment);
}

/// Waits for `span`, counted from this call: `co_await sleep_for(50ms)`.
[[nodiscard]] inline sleep_operation sleep_for(duration span) noexcept {
    return sleep_until(saturating_add(loop::current().now(), span));
}

/// Awaitable of `yield`.
class yield_operation : private ready_node {
public:
    yield_operation() noexcept = default;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept {
        continuation = self;
        loop::current().schedule(*this);
    }
    void await_resume() const noexcept {}
};

/// Lets every other task that is ready go first. Not stopped by anything.
[[nodiscard]] inline yield_operation yield() noexcept {
    return {};
}

} // namespace runnel::inline v0
