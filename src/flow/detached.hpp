// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"

#include <utility>

namespace runnel::inline v0 {

/// Runs a task that nobody awaits: it holds what it needs, and ends when what it waits for ends. It
/// is a guest of the loop, which stops it and waits for it before its `run` returns.
inline void run_detached(task<void> work, const char* name) noexcept {
    loop& here = loop::current();
    const auto frame = std::move(work).release();
    const auto finished = [](promise_base& base) noexcept {
        auto& ended = static_cast<promise<void>&>(base);
        ended.take(); // an exception is a mistake, and ends the program
        loop& host = *static_cast<loop*>(ended.owner());
        std::coroutine_handle<promise<void>>::from_promise(ended).destroy();
        host.guest_ends();
    };
    frame.promise().adopt_as_root(frame, finished, &here, &here.guest_begins(), nullptr, name);
    if (frame.promise().run_inline(frame)) {
        finished(frame.promise());
    }
}

} // namespace runnel::inline v0
