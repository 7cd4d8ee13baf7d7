// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"

#include <concepts>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

/// A call on a thread of the pool; the part of `run_blocking` that knows no types.
class blocking_call : public operation {
public:
    blocking_call() noexcept = default;
    blocking_call(blocking_call&& /*unstarted*/) noexcept : blocking_call() {}

    [[nodiscard]] std::string_view what() const noexcept final { return "blocking call"; }

protected:
    /// Makes the call, on any thread.
    virtual void call() noexcept = 0;
    /// Stores why there is nothing to give.
    virtual void fail_with(error why) noexcept = 0;

    void start() final;
    bool stop(stop_reason reason) noexcept final;
    void refuse(stop_reason reason) noexcept final { fail_with(to_error(reason)); }

private:
    friend class blocking_pool;
    blocking_call* next_ = nullptr;
};

/// Awaitable of `run_blocking`.
template <std::invocable F>
class blocking_operation final : public blocking_call {
    using returned = std::invoke_result_t<F&>;

public:
    using value_type = std::conditional_t<is_result<returned>, returned, result<returned>>;

    explicit blocking_operation(F&& callable) noexcept : callable_(std::move(callable)) {}
    blocking_operation(blocking_operation&& unstarted) noexcept
        : blocking_operation(std::move(unstarted.callable_)) {}

    value_type await_resume() {
        if (stopped() != stop_reason::none) {
            return fail(to_error(stopped()));
        }
        if (exception_ != nullptr) {
            std::rethrow_exception(std::move(exception_));
        }
        return std::move(*value_);
    }

protected:
    void call() noexcept override {
        try {
            if constexpr (std::is_void_v<returned>) {
                callable_();
                value_.emplace();
            } else {
                value_.emplace(callable_());
            }
        } catch (...) {
            exception_ = std::current_exception();
        }
    }
    void fail_with(error why) noexcept override { value_.emplace(fail(std::move(why))); }

private:
    F callable_;
    std::optional<value_type> value_;
    std::exception_ptr exception_;
};

/// Calls `function`, which may block or compute for long, on a thread of a pool that the process
/// shares, and gives what it returns, as a `result`. An exception it throws is thrown here. It runs
/// beside the loop: it may use what the caller keeps for it until then, and nothing of the loop.
///
/// A call that has not begun ends at once when the task is asked to stop. One that has begun cannot
/// be interrupted: its end is awaited, and then what it gave is dropped and the error of the stop
/// given instead. `limit_exceeded` when the system gives no thread. On a loop of virtual time the
/// function is called inline, so that a simulation stays deterministic.
///
/// As with every awaited expression, a lambda that captures by value needs a name of its own first;
/// `[&]` is safe, because the task waits.
template <std::invocable F>
[[nodiscard]] blocking_operation<F> run_blocking(F function) noexcept {
    return blocking_operation<F>(std::move(function));
}

} // namespace runnel::inline v0
