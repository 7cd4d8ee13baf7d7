// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"

#include <coroutine>
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

/// Begins to wait for `kept` on behalf of `waiting`. False if it is done already.
template <awaitable A, class P>
bool suspend_for(A& kept, std::coroutine_handle<P> waiting) {
    auto&& awaiter = awaiter_of(kept);
    if (awaiter.await_ready()) {
        return false;
    }
    if constexpr (std::is_void_v<decltype(awaiter.await_suspend(waiting))>) {
        awaiter.await_suspend(waiting);
        return true;
    } else {
        return awaiter.await_suspend(waiting);
    }
}

} // namespace runnel::inline v0
