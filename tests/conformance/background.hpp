// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/awaitable.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"

#include <chrono>
#include <coroutine>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

namespace runnel::conformance {

/// Awaitable of `stopped_by`.
template <awaitable A>
class stopped_by_awaiter {
public:
    stopped_by_awaiter(stop_source& source, A&& inner, std::source_location where) noexcept
        : source_(&source), where_(where), inner_(std::move(inner)) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> task) {
        task_ = &task.promise();
        outer_ = task_->exchange_stop(source_);
        return suspend_for(inner_, task, where_);
    }
    awaited_t<A> await_resume() {
        task_->exchange_stop(outer_);
        return awaiter_of(inner_).await_resume();
    }

private:
    stop_source* source_;
    std::source_location where_;
    promise_base* task_ = nullptr;
    stop_source* outer_ = nullptr;
    A inner_;
};

/// Awaits `inner` so that `source` stops it, and nothing else.
template <awaitable A>
[[nodiscard]] stopped_by_awaiter<A>
stopped_by(stop_source& source, A inner,
           std::source_location where = std::source_location::current()) noexcept {
    return stopped_by_awaiter<A>(source, std::move(inner), where);
}

/// An operation that goes on beside the test.
template <class T>
class background {
public:
    /// Begins to await `op` in the loop's next turn. Reports say that it was begun at `where`.
    template <awaitable A>
    background(scope& tasks, A op, std::source_location where)
        : shared_(std::make_shared<state>(tasks)) {
        tasks.spawn(follow(shared_, std::move(op), where), "background");
    }

    [[nodiscard]] bool done() const noexcept { return shared_->outcome.has_value(); }
    /// What it gave. Requires `done()`.
    [[nodiscard]] T& value() noexcept { return *shared_->outcome; }
    void cancel(stop_reason reason = stop_reason::cancelled) {
        shared_->source.request_stop(reason);
    }

    /// Waits until it is done, whatever stops the test, and gives what it gave.
    [[nodiscard]] auto ended() noexcept { return join(*shared_); }

private:
    struct state {
        explicit state(scope& tasks) noexcept : source(&tasks.stop()) {}
        stop_source source;
        std::optional<T> outcome;
        ready_node* waiting = nullptr;
    };

    class join : private ready_node {
    public:
        explicit join(state& awaited) noexcept : awaited_(&awaited) {}
        [[nodiscard]] bool await_ready() const noexcept { return awaited_->outcome.has_value(); }
        void await_suspend(std::coroutine_handle<> self) noexcept {
            continuation = self;
            awaited_->waiting = this;
        }
        T& await_resume() const noexcept { return *awaited_->outcome; }

    private:
        state* awaited_;
    };

    template <awaitable A>
    static task<void> follow(std::shared_ptr<state> shared, A op, std::source_location where) {
        shared->outcome.emplace(co_await stopped_by(shared->source, std::move(op), where));
        if (shared->waiting != nullptr) {
            loop::current().schedule(*shared->waiting);
        }
    }

    std::shared_ptr<state> shared_;
};

/// Lets all other tasks run `turns` times. In virtual time some of these turns take time, so that
/// flows that wait for time come on, too.
inline task<void> after(int turns) {
    const bool takes_time = loop::current().is_virtual();
    for (int turn = 0; turn < turns; ++turn) {
        if (takes_time && turn % 2 != 0) {
            static_cast<void>(co_await sleep_for(std::chrono::microseconds(1)));
        } else {
            co_await yield();
        }
    }
}

} // namespace runnel::conformance
