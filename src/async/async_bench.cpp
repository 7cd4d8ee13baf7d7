// SPDX-License-Identifier: Apache-2.0
//
// What the runtime costs without a kernel below it. The limits are of design: a task is a frame
// from a free list and two calls; a switch between tasks is an entry in the ready queue.
#include "runnel/async/channel.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/semaphore.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

using body = task<void> (*)(benchmark::State&);

/// Runs a coroutine that holds the benchmark's loop, in virtual time.
void in_loop(benchmark::State& state, body run) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(run(state));
}

task<int> ready_task(int value) {
    co_return value;
}

task<void> start_and_finish(benchmark::State& state) {
    int sum = 0;
    for (auto _ : state) {
        sum += co_await ready_task(1);
    }
    benchmark::DoNotOptimize(sum);
}
BENCHMARK_CAPTURE(in_loop, task_start_and_finish, start_and_finish);

task<void> nothing() {
    co_return;
}

task<void> spawn_and_finish(benchmark::State& state) {
    co_await with_scope([&](scope& children) -> task<void> {
        constexpr int batch = 64;
        for (auto _ : state) {
            for (int i = 0; i < batch; ++i) {
                children.spawn(nothing());
            }
            co_await yield();
        }
        state.SetItemsProcessed(state.iterations() * batch);
    });
}
BENCHMARK_CAPTURE(in_loop, scope_spawn_and_finish_64, spawn_and_finish);

task<void> just_yield(benchmark::State& state) {
    for (auto _ : state) {
        co_await yield();
    }
}
BENCHMARK_CAPTURE(in_loop, yield, just_yield);

task<void> echo(channel<char>& from, channel<char>& to) {
    for (;;) {
        auto item = co_await from.receive();
        if (!item) {
            co_return;
        }
        static_cast<void>(co_await to.send(static_cast<char&&>(*item)));
    }
}

/// One iteration is a round trip: two sends, two receives, two switches.
task<void> channel_ping_pong(benchmark::State& state) {
    channel<char> there(1);
    channel<char> back(1);
    co_await with_scope([&](scope& children) -> task<void> {
        children.spawn(echo(there, back));
        for (auto _ : state) {
            static_cast<void>(co_await there.send('x'));
            auto answer = co_await back.receive();
            benchmark::DoNotOptimize(answer);
        }
        there.close();
    });
}
BENCHMARK_CAPTURE(in_loop, channel_round_trip, channel_ping_pong);

task<void> echo_events(event& from, event& to) {
    for (;;) {
        auto set = co_await from.wait();
        if (!set) {
            co_return;
        }
        to.set();
    }
}

task<void> event_ping_pong(benchmark::State& state) {
    event there(event_reset::automatic);
    event back(event_reset::automatic);
    co_await with_scope([&](scope& children) -> task<void> {
        children.spawn(echo_events(there, back));
        for (auto _ : state) {
            there.set();
            static_cast<void>(co_await back.wait());
        }
        children.request_stop();
    });
}
BENCHMARK_CAPTURE(in_loop, event_round_trip, event_ping_pong);

task<void> take_a_permit(benchmark::State& state) {
    semaphore permits(1);
    for (auto _ : state) {
        auto taken = co_await permits.acquire();
        benchmark::DoNotOptimize(taken);
    }
}
BENCHMARK_CAPTURE(in_loop, semaphore_acquire_and_release, take_a_permit);

task<void> deadline_of_a_task(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(co_await with_timeout(1s, ready_task(1)));
    }
}
BENCHMARK_CAPTURE(in_loop, with_timeout_of_a_ready_task, deadline_of_a_task);

task<void> deadline_of_an_operation(benchmark::State& state) {
    event set;
    set.set();
    for (auto _ : state) {
        benchmark::DoNotOptimize(co_await with_timeout(1s, set.wait()));
    }
}
BENCHMARK_CAPTURE(in_loop, with_timeout_of_a_ready_operation, deadline_of_an_operation);

task<void> sleep_1ns(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(co_await sleep_for(1ns));
    }
}
BENCHMARK_CAPTURE(in_loop, sleep, sleep_1ns);

task<void> all_of_two(benchmark::State& state) {
    for (auto _ : state) {
        auto both = co_await when_all(ready_task(1), ready_task(2));
        benchmark::DoNotOptimize(both);
    }
}
BENCHMARK_CAPTURE(in_loop, when_all_of_two_ready_tasks, all_of_two);

task<void> any_of_two(benchmark::State& state) {
    event set;
    event never_set;
    set.set();
    for (auto _ : state) {
        auto first = co_await when_any(set.wait(), never_set.wait());
        benchmark::DoNotOptimize(first);
    }
}
BENCHMARK_CAPTURE(in_loop, when_any_of_two_operations, any_of_two);

/// Among so many others that are armed.
void timer_arm_and_cancel(benchmark::State& state) {
    timer_wheel wheel{time_point()};
    std::vector<std::unique_ptr<timer>> others;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        others.push_back(std::make_unique<timer>([](timer&) noexcept {}));
        wheel.arm(*others.back(), time_point(1s + i * 1us));
    }
    timer one([](timer&) noexcept {});
    time_point deadline(60s);
    for (auto _ : state) {
        wheel.arm(one, deadline += 100us);
        one.cancel();
    }
}
BENCHMARK(timer_arm_and_cancel)->Arg(0)->Arg(100'000);

void timer_arm_and_fire(benchmark::State& state) {
    timer_wheel wheel{time_point()};
    timer one([](timer&) noexcept {});
    time_point now{};
    for (auto _ : state) {
        wheel.arm(one, now += 1ms);
        wheel.advance(now);
    }
}
BENCHMARK(timer_arm_and_fire);

task<void> post_to_itself(benchmark::State& state) {
    constexpr int batch = 64;
    int count = 0;
    for (auto _ : state) {
        for (int i = 0; i < batch; ++i) {
            loop::current().post([&count] { ++count; });
        }
        static_cast<void>(co_await sleep_for(1ns));
    }
    state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK_CAPTURE(in_loop, post_64_on_the_own_thread, post_to_itself);

} // namespace
} // namespace runnel
