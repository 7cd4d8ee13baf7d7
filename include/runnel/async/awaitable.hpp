// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"

#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

/// The awaiter of a task, operation or combinator that is `kept` somewhere. The one of a task
/// holds nothing of its own, so it may be made anew for each step.
template <class A>
decltype(auto) awaiter_of(A& kept) noexcept {
    if constexpr (requires { std::move(kept).operator co_await(); }) {
        return std::move(kept).operator co_await();
    } else {
        return (kept);
    }
}

/// Anything a task can await: a `task`, an `operation`, a combinator of them.
template <class A>
concept awaitable = requires(A& a) { awaiter_of(a).await_resume(); };

/// What `co_await` gives for an awaitable.
template <awaitable A>
using awaited_t = decltype(awaiter_of(std::declval<A&>()).await_resume());

/// Begins to wait for `kept` on behalf of `waiting`, which stands at `where`. False if it is done
/// already.
template <awaitable A, class P>
bool suspend_for(A& kept, std::coroutine_handle<P> waiting, const std::source_location& where) {
    auto&& awaiter = awaiter_of(kept);
    if (awaiter.await_ready()) {
        return false;
    }
    const auto suspend = [&] {
        if constexpr (requires { awaiter.await_suspend(waiting, where); }) {
            return awaiter.await_suspend(waiting, where);
        } else {
            return awaiter.await_suspend(waiting);
        }
    };
    if constexpr (std::is_void_v<decltype(suspend())>) {
        suspend();
        return true;
    } else {
        return suspend();
    }
}

} // namespace runnel::inline v0
