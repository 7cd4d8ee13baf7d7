// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"

#include <coroutine>

/// What a task can ask about itself: `co_await this_task::stop_requested()`. None of these
/// suspends.
namespace runnel::inline v0::this_task {

/// Awaitable of `stop`.
class stop_query {
public:
    stop_query() noexcept = default;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> self) noexcept {
        stop_ = self.promise().stop();
        return false;
    }
    [[nodiscard]] stop_source* await_resume() const noexcept { return stop_; }

private:
    stop_source* stop_ = nullptr;
};

/// Awaitable of `stop_requested`.
class stop_requested_query : public stop_query {
public:
    [[nodiscard]] bool await_resume() const noexcept {
        const stop_source* source = stop_query::await_resume();
        return source != nullptr && source->stop_requested();
    }
};

/// Gives what stops the task's operations, `stop_source*`; null if nothing does. To link a
/// `stop_callback`, or to stop the task itself.
[[nodiscard]] inline stop_query stop() noexcept {
    return {};
}

/// Gives whether the task has been asked to stop, so that each further operation would be refused.
/// For loops that compute for long.
[[nodiscard]] inline stop_requested_query stop_requested() noexcept {
    return {};
}

} // namespace runnel::inline v0::this_task
