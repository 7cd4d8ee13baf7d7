// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string_view>

namespace runnel::inline v0 {

/// What a task waits on in the end: an object inside the `co_await` expression, so that it costs no
/// allocation. Base of every awaitable that is not a task.
///
/// A derived class keeps its parameters and its result. The life of an operation:
/// - `start()` begins it. It calls `complete()` when the result is there: within `start()`, or
/// later.
/// - When its task is asked to stop first, `stop(reason)` is called, once. It either takes the
///   operation back from whoever holds it, stores the error and answers true, or asks for an early
///   end and answers false; `complete()` then follows, and `stopped()` tells that it is wanted
///   early.
/// - `refuse(reason)` stores the error of a task that was asked to stop before it began.
///
/// After `complete()` nobody but the awaiting task may touch the operation. It may be moved only
/// before it is awaited.
class operation : private ready_node, private stop_callback {
public:
    operation() noexcept : stop_callback(&on_stop) {}
    operation(operation&& /*unstarted*/) noexcept : operation() {}
    operation& operator=(operation&&) = delete;
    virtual ~operation() = default;

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class P>
    bool await_suspend(std::coroutine_handle<P> task,
                       std::source_location where = std::source_location::current()) {
        task.promise().stands_at(where);
        return begin(task, task.promise());
    }

    /// The result is stored: lets the task go on. Exactly once.
    void complete() noexcept {
        if (state_ == state::starting) {
            state_ = state::done;
        } else {
            finish();
        }
    }

    /// Why the operation was asked to stop; `none` if it was not.
    [[nodiscard]] stop_reason stopped() const noexcept { return stopped_; }

    /// The loop of the task. Valid from `start()` on.
    [[nodiscard]] loop& owner() const noexcept { return *loop_; }

    /// What the operation does, for reports: "read of pipe".
    [[nodiscard]] virtual std::string_view what() const noexcept = 0;

protected:
    virtual void start() = 0;
    virtual bool stop(stop_reason reason) noexcept = 0;
    virtual void refuse(stop_reason reason) noexcept = 0;

private:
    friend class loop;
    enum class state : std::uint8_t { idle, starting, waiting, done };

    bool begin(std::coroutine_handle<> task, const promise_base& promise);
    void finish() noexcept;
    static void on_stop(stop_callback& self, stop_reason reason) noexcept;

    loop* loop_ = nullptr;
    const promise_base* task_ = nullptr;
    operation* next_waiting_ = nullptr;
    operation** previous_waiting_ = nullptr;
    state state_ = state::idle;
    stop_reason stopped_ = stop_reason::none;
};

} // namespace runnel::inline v0
