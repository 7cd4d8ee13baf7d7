// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/scope.hpp"
#include "runnel/async/signals.hpp"
#include "runnel/async/task.hpp"

#include <csignal>
#include <utility>

namespace runnel::inline v0::program {

/// Runs `work` until it is done, or until SIGINT or SIGTERM stops it. True if one did.
template <class T>
task<bool> until_interrupted(task<T> work, T& value) {
    signal_set signals{SIGINT, SIGTERM};
    bool interrupted = false;
    const auto all = [&](scope& beside) -> task<void> {
        const auto watch = [&]() -> task<void> {
            const result<int> number = co_await signals.next();
            if (number) {
                interrupted = true;
                beside.request_stop();
            }
        };
        beside.spawn(watch, "signals");
        value = co_await std::move(work);
        beside.request_stop();
    };
    static_cast<void>(co_await with_scope(all));
    co_return interrupted;
}

} // namespace runnel::inline v0::program
