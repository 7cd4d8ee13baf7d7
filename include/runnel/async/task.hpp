// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/stop.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

template <class T>
class task;

/// Whether `T` is a `result` of something.
template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

/// Something the loop resumes in its next turn. Lives in whatever waits.
struct ready_node {
    std::coroutine_handle<> continuation;
    ready_node* next_ready = nullptr;
};

/// What all tasks' promises share: who waits for the task, what stops it, and where it stands.
///
/// As a `ready_node`, a root continues itself, so that the loop can start it; any other task's
/// `continuation` is the coroutine that awaits it.
class promise_base : public ready_node {
public:
    /// Called instead of resuming a continuation, for tasks that no coroutine awaits. May destroy
    /// the frame.
    using finish_function = void (*)(promise_base& self) noexcept;

    promise_base() noexcept = default;
    promise_base(const promise_base&) = delete;
    promise_base& operator=(const promise_base&) = delete;

    // Frames come from per-thread free lists, so that starting a task allocates nothing in the
    // steady state.
    static void* operator new(std::size_t size);
    static void operator delete(void* frame, std::size_t size) noexcept;

    struct final_awaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class P>
        void await_suspend(std::coroutine_handle<P> self) const noexcept {
            self.promise().finished();
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    final_awaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    /// Notes where the task waits, for reports of what a program is doing. Awaiters call it with
    /// the default argument of their `await_suspend`, which is the place of the `co_await`. (An
    /// `await_transform` would do, too, but GCC 12 then moves every awaiter once more.)
    void stands_at(const std::source_location& where) noexcept { where_ = where; }

    /// What stops this task's operations; null: nothing.
    [[nodiscard]] stop_source* stop() const noexcept { return stop_; }
    /// Replaces what stops the task's next operations, and gives what did before.
    stop_source* exchange_stop(stop_source* stop) noexcept { return std::exchange(stop_, stop); }
    /// The task that awaits this one or the scope it belongs to; null at the root of the loop.
    [[nodiscard]] const promise_base* parent() const noexcept { return parent_; }
    /// The place of the `co_await` at which the task stands.
    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
    /// The name given when the task was spawned; null without.
    [[nodiscard]] const char* name() const noexcept { return name_; }

    /// Makes the task a child that `parent` awaits.
    void adopt_by(promise_base& parent, std::coroutine_handle<> awaiting) noexcept {
        parent_ = &parent;
        stop_ = parent.stop_;
        continuation = awaiting;
    }
    /// Makes the task a root: `finish` is called when it is done, with `owner()` for its use.
    /// `parent` is whom reports name as the task's parent, or null.
    void adopt_as_root(std::coroutine_handle<> self, finish_function finish, void* owner,
                       stop_source* stop, const promise_base* parent, const char* name) noexcept {
        continuation = self;
        finish_ = finish;
        owner_ = owner;
        stop_ = stop;
        parent_ = parent;
        name_ = name;
    }
    [[nodiscard]] void* owner() const noexcept { return owner_; }

    /// Runs the task until it first waits. True if it finished meanwhile; the continuation or the
    /// finish function is then not called.
    bool run_inline(std::coroutine_handle<> self) {
        running_inline_ = true;
        self.resume();
        running_inline_ = false;
        return done_;
    }

    /// What the task let escape; null: nothing.
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }
    void rethrow() const {
        if (exception_ != nullptr) {
            std::rethrow_exception(exception_);
        }
    }

private:
    void finished() noexcept {
        done_ = true;
        if (running_inline_) {
            return;
        }
        // Either call may destroy this frame.
        if (finish_ != nullptr) {
            finish_(*this);
        } else {
            continuation.resume();
        }
    }

    finish_function finish_ = nullptr;
    void* owner_ = nullptr;
    const promise_base* parent_ = nullptr;
    stop_source* stop_ = nullptr;
    const char* name_ = nullptr;
    std::source_location where_;
    std::exception_ptr exception_;
    bool running_inline_ = false;
    bool done_ = false;
};

template <class T>
class promise final : public promise_base {
public:
    task<T> get_return_object() noexcept;

    template <class U = T>
        requires std::is_constructible_v<T, U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }

    /// Whether an exception escaped, or the value is a `result` that holds an error.
    [[nodiscard]] bool failed() const noexcept {
        if constexpr (is_result<T>) {
            return !value_ || !value_->has_value();
        } else {
            return !value_;
        }
    }
    /// The result of a task that let no exception escape.
    [[nodiscard]] const T& value() const noexcept { return *value_; }

    /// The result, moved out. Rethrows what the task let escape. Requires that the task is done.
    T take() {
        rethrow();
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
};

template <>
class promise<void> final : public promise_base {
public:
    task<void> get_return_object() noexcept;
    void return_void() noexcept {}
    [[nodiscard]] bool failed() const noexcept { return exception() != nullptr; }
    void take() const { rethrow(); }
};

/// A coroutine that starts when it is awaited, and whose awaiter continues when it is done.
///
/// Exactly one of these happens to a task: it is awaited by another (`co_await std::move(t)`),
/// given to a `scope`, a combinator or `loop::run`, or dropped before it started. It inherits what
/// stops it from whoever awaits it, and belongs to one loop. An exception that leaves the coroutine
/// is thrown at the awaiter.
template <class T = void>
class [[nodiscard]] task {
public:
    using promise_type = promise<T>;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle frame) noexcept : frame_(frame) {}
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() {
        if (frame_) {
            frame_.destroy();
        }
    }

    class awaiter {
    public:
        explicit awaiter(handle frame) noexcept : frame_(frame) {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class P>
        bool await_suspend(std::coroutine_handle<P> parent,
                           std::source_location where = std::source_location::current()) {
            parent.promise().stands_at(where);
            promise_type& child = frame_.promise();
            child.adopt_by(parent.promise(), parent);
            return !child.run_inline(frame_);
        }
        T await_resume() { return frame_.promise().take(); }

    private:
        handle frame_;
    };

    awaiter operator co_await() && noexcept { return awaiter(frame_); }

    /// The frame, for whoever runs the task as a root; the task still owns it.
    [[nodiscard]] handle frame() const noexcept { return frame_; }
    /// The same, and the caller destroys it when it is done.
    [[nodiscard]] handle release() && noexcept { return std::exchange(frame_, nullptr); }

private:
    handle frame_;
};

template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<promise>::from_promise(*this));
}

inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<promise>::from_promise(*this));
}

} // namespace runnel::inline v0
