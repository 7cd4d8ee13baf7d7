// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/awaitable.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/time.hpp"
#include "runnel/async/timer.hpp"

#include <coroutine>
#include <source_location>
#include <utility>

namespace runnel::inline v0 {

/// A stop source that stops by itself at a moment, below the one of a task, and takes that one's
/// place while the task waits. The part of `with_deadline` that all awaitables share.
class deadline_stop : private timer {
public:
    explicit deadline_stop(time_point deadline) noexcept;
    ~deadline_stop() { leave(); }
    deadline_stop(const deadline_stop&) = delete;
    deadline_stop& operator=(const deadline_stop&) = delete;

    /// What `task` begins from now on stops at the deadline, too.
    void enter(promise_base& task) noexcept;
    /// Gives the task its own stop source back. Does nothing outside of one.
    void leave() noexcept;
    [[nodiscard]] time_point moment() const noexcept { return moment_; }

private:
    time_point moment_;
    promise_base* task_ = nullptr;
    stop_source* outer_ = nullptr;
    stop_source source_;
};

/// Awaitable of `with_deadline`.
template <awaitable A>
class deadline_awaiter {
public:
    deadline_awaiter(time_point deadline, A&& inner) noexcept
        : stop_(deadline), inner_(std::move(inner)) {}
    deadline_awaiter(deadline_awaiter&& unstarted) noexcept
        : deadline_awaiter(unstarted.stop_.moment(), std::move(unstarted.inner_)) {}
    deadline_awaiter& operator=(deadline_awaiter&&) = delete;
    ~deadline_awaiter() = default;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> task,
                       std::source_location where = std::source_location::current()) {
        stop_.enter(task.promise());
        return suspend_for(inner_, task, where);
    }
    awaited_t<A> await_resume() {
        stop_.leave();
        return awaiter_of(inner_).await_resume();
    }

private:
    deadline_stop stop_;
    A inner_; // destroyed first: what it awaits is linked to the stop source
};

/// Awaits `inner`, a task or an operation, and stops it with `stop_reason::deadline` when
/// `deadline` has come: its waiting operations end with `errc::timed_out`. Gives what `inner` gave,
/// so a success that came in the same moment stays one. A deadline in the past refuses the first
/// operation. Deadlines nest; the earliest acts. `never`: no deadline.
template <awaitable A>
[[nodiscard]] deadline_awaiter<A> with_deadline(time_point deadline, A inner) noexcept {
    return deadline_awaiter<A>(deadline, std::move(inner));
}

/// The same with a deadline `span` after this call: `co_await with_timeout(5s, flow.read())`.
template <awaitable A>
[[nodiscard]] deadline_awaiter<A> with_timeout(duration span, A inner) noexcept {
    return deadline_awaiter<A>(saturating_add(loop::current().now(), span), std::move(inner));
}

} // namespace runnel::inline v0
