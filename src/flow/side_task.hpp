// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/check.hpp"

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0 {

/// A stop source of one coroutine, below that of its task, so that whoever knows the object can
/// stop the coroutine: `const auto entered = co_await stop.enter();` at its beginning.
class task_stop {
public:
    task_stop() noexcept = default;
    task_stop(const task_stop&) = delete;
    task_stop& operator=(const task_stop&) = delete;
    ~task_stop() = default;

    /// Takes the place of the task's own stop source until it is destroyed.
    class entered {
    public:
        entered(task_stop& inner, promise_base& self) noexcept
            : inner_(inner), task_(self), outer_(self.exchange_stop(&*inner.source_)) {
            inner_.source_->attach(outer_);
        }
        entered(const entered&) = delete;
        entered& operator=(const entered&) = delete;
        ~entered() {
            task_.exchange_stop(outer_);
            inner_.source_.reset();
        }

    private:
        task_stop& inner_;
        promise_base& task_;
        stop_source* outer_;
    };
    class enter_awaiter {
    public:
        explicit enter_awaiter(task_stop& inner) noexcept : inner_(inner) {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class P>
        bool await_suspend(std::coroutine_handle<P> self) noexcept {
            task_ = &self.promise();
            return false;
        }
        [[nodiscard]] entered await_resume() const noexcept { return {inner_, *task_}; }

    private:
        task_stop& inner_;
        promise_base* task_ = nullptr;
    };
    [[nodiscard]] enter_awaiter enter() noexcept {
        source_.emplace();
        return enter_awaiter(*this);
    }

    /// Stops the coroutine, if it runs.
    void request_stop(stop_reason reason) noexcept {
        if (source_.has_value()) {
            source_->request_stop(reason);
        }
    }
    /// Why the coroutine was asked to stop, from here or above; `none` if it was not or is done.
    [[nodiscard]] stop_reason reason() const noexcept {
        return source_.has_value() ? source_->reason() : stop_reason::none;
    }
    /// The source, while the coroutine runs; null otherwise.
    [[nodiscard]] stop_source* source() noexcept {
        return source_.has_value() ? &*source_ : nullptr;
    }

private:
    std::optional<stop_source> source_;
};

/// A coroutine that an object runs beside the tasks that use the object: one at a time, again and
/// again. The object lives until it is done: it waits for `finished()`, or gives `start` something
/// that keeps it alive.
class side_task {
public:
    side_task() noexcept = default;
    side_task(const side_task&) = delete;
    side_task& operator=(const side_task&) = delete;
    ~side_task() { check(!running(), "an object outlives what it runs"); }

    [[nodiscard]] bool running() const noexcept { return running_; }

    /// Runs `work` until it first waits, or is done. It stops when `parent` does, if there is one.
    /// Requires `!running()`.
    void start(task<void> work, const char* name, stop_source* parent,
               std::shared_ptr<void> keep = nullptr) {
        running_ = true;
        keep_ = std::move(keep);
        stop_.emplace(parent);
        const auto frame = std::move(work).release();
        frame.promise().adopt_as_root(frame, &ended, this, &*stop_, nullptr, name);
        if (frame.promise().run_inline(frame)) {
            ended(frame.promise());
        }
    }

    void request_stop(stop_reason reason = stop_reason::cancelled) noexcept {
        if (running_) {
            stop_->request_stop(reason);
        }
    }

    class finished_awaiter : private ready_node {
    public:
        explicit finished_awaiter(side_task& awaited) noexcept : awaited_(awaited) {}
        [[nodiscard]] bool await_ready() const noexcept { return !awaited_.running_; }
        void await_suspend(std::coroutine_handle<> self) noexcept {
            check(awaited_.waiting_ == nullptr, "one task waits for a side task");
            continuation = self;
            awaited_.waiting_ = this;
        }
        void await_resume() const noexcept {}

    private:
        side_task& awaited_;
    };
    /// Waits until it is done, whatever asks the waiting task to stop: that is to reach the side
    /// task, through `parent` or `request_stop`. One task at a time.
    [[nodiscard]] finished_awaiter finished() noexcept { return finished_awaiter(*this); }

private:
    static void ended(promise_base& base) noexcept {
        auto& self = *static_cast<side_task*>(base.owner());
        auto& done = static_cast<promise<void>&>(base);
        done.take(); // an exception would be a mistake of the coroutine, and ends the program
        std::coroutine_handle<promise<void>>::from_promise(done).destroy();
        self.running_ = false;
        self.stop_.reset(); // which takes it out of the parent
        if (ready_node* waiting = std::exchange(self.waiting_, nullptr); waiting != nullptr) {
            loop::current().schedule(*waiting);
        }
        const std::shared_ptr<void> keep = std::move(self.keep_); // may free `self`
    }

    bool running_ = false;
    ready_node* waiting_ = nullptr;
    std::optional<stop_source> stop_;
    std::shared_ptr<void> keep_;
};

} // namespace runnel::inline v0
