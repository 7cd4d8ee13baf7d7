// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/when.hpp"

#include <concepts>
#include <memory>
#include <utility>

namespace runnel::inline v0 {

/// A loop of virtual time that keeps quiet about deadlocks, for tests.
inline std::unique_ptr<loop> virtual_loop() {
    auto made = loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false});
    return std::move(*made);
}

template <class T>
T run_virtual(task<T> root) {
    return virtual_loop()->run(std::move(root));
}

/// Runs the task that a lambda gives, and keeps the lambda meanwhile.
template <std::invocable F>
auto run_virtual(const F& make) {
    return run_virtual(make());
}

/// Runs `make()` once for each moment at which it could be stopped, and stops it there: at each of
/// `moments` times a `step` apart, after each of `turns` turns of the loop. `after(step, turn)`
/// looks at what it left behind. The task is expected to end soon after.
template <std::invocable F, class After>
void stop_everywhere(int moments, duration step, int turns, const F& make, const After& after) {
    for (int moment = 0; moment < moments; ++moment) {
        for (int turn = 0; turn < turns; ++turn) {
            const auto stopper = [&]() -> task<void> {
                static_cast<void>(co_await sleep_for(moment * step));
                for (int i = 0; i < turn; ++i) {
                    co_await yield();
                }
                loop::current().stop().request_stop();
            };
            const auto both = [&]() -> task<void> {
                static_cast<void>(co_await when_all(make(), stopper()));
            };
            run_virtual(both);
            after(moment, turn);
        }
    }
}

} // namespace runnel::inline v0
