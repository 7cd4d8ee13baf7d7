// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/awaitable.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/check.hpp"

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace runnel::inline v0 {

/// Tasks that run side by side and are awaited together; what `when_all` and `when_any` share.
class joined_tasks {
public:
    joined_tasks(const joined_tasks&) = delete;
    joined_tasks& operator=(const joined_tasks&) = delete;

protected:
    enum class stop_at : bool { first_failure, first_end };

    explicit joined_tasks(stop_at rule) noexcept : rule_(rule) {}
    ~joined_tasks() = default;

    /// Begins to start tasks on behalf of `parent`.
    void open(const promise_base& parent, std::coroutine_handle<> waiting) noexcept;

    /// Runs `started` until it first waits.
    template <class T>
    void start(const task<T>& started) {
        const auto frame = started.frame();
        frame.promise().adopt_as_root(frame, &when_done<T>, this, &source_, parent_, nullptr);
        ++running_;
        if (frame.promise().run_inline(frame)) {
            note_end(frame.promise(), frame.promise().failed());
        }
    }
    /// Whether some of the tasks still run, once all are started.
    [[nodiscard]] bool must_wait() noexcept { return --running_ != 0; }

    /// Whether this task was the first that was done.
    template <class T>
    [[nodiscard]] bool was_first(const task<T>& ended) const noexcept {
        return first_ == &ended.frame().promise();
    }

private:
    template <class T>
    static void when_done(promise_base& base) noexcept {
        auto& self = *static_cast<joined_tasks*>(base.owner());
        self.note_end(base, static_cast<promise<T>&>(base).failed());
        if (self.running_ == 0) {
            self.waiting_.resume();
        }
    }
    void note_end(const promise_base& ended, bool failed) noexcept;

    stop_source source_;
    const promise_base* parent_ = nullptr;
    const promise_base* first_ = nullptr;
    std::coroutine_handle<> waiting_;
    std::size_t running_ = 1; // `open` counts as one until all are started
    stop_at rule_;
};

/// What stands in a tuple for a task that gives nothing.
template <class T>
using value_or_unit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What `when_any` gives: which one was first, and what each of them gave.
///
/// The others were stopped by then: their results mostly say `errc::cancelled`, but one that was
/// done in the same moment has its value, and only here.
template <class Results>
class any_result {
public:
    any_result(std::size_t first, Results&& all) : index(first), results(std::move(all)) {}

    /// Which was done first, counted from 0.
    std::size_t index;
    /// A tuple, or vector, of all results in the order of the arguments; `std::monostate` for void.
    Results results;
};

/// Awaitable of `when_all` and `when_any`.
template <bool Any, class... T>
class joined_tuple final : private joined_tasks {
    using results = std::tuple<value_or_unit<T>...>;

public:
    using value_type = std::conditional_t<Any, any_result<results>, results>;

    explicit joined_tuple(task<T>&&... tasks) noexcept
        : joined_tasks(Any ? stop_at::first_end : stop_at::first_failure),
          tasks_(std::move(tasks)...) {}
    joined_tuple(joined_tuple&& unstarted) noexcept
        : joined_tasks(Any ? stop_at::first_end : stop_at::first_failure),
          tasks_(std::move(unstarted.tasks_)) {}
    joined_tuple& operator=(joined_tuple&&) = delete;
    ~joined_tuple() = default;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> waiting,
                       std::source_location where = std::source_location::current()) {
        waiting.promise().stands_at(where);
        open(waiting.promise(), waiting);
        std::apply([this](const task<T>&... each) { (start(each), ...); }, tasks_);
        return must_wait();
    }
    value_type await_resume() {
        return std::apply([this](task<T>&... each) { return collect(each...); }, tasks_);
    }

private:
    template <class U>
    static value_or_unit<U> take(task<U>& done) {
        if constexpr (std::is_void_v<U>) {
            done.frame().promise().take();
            return {};
        } else {
            return done.frame().promise().take();
        }
    }
    value_type collect(task<T>&... each) {
        if constexpr (Any) {
            std::size_t index = 0;
            bool found = false;
            ((found = found || was_first(each), index += found ? 0 : 1), ...);
            return value_type(index, results{take(each)...});
        } else {
            return results{take(each)...};
        }
    }

    std::tuple<task<T>...> tasks_;
};

/// The same for a vector of tasks.
template <bool Any, class T>
class joined_vector final : private joined_tasks {
    using results = std::vector<value_or_unit<T>>;

public:
    using value_type = std::conditional_t<Any, any_result<results>, results>;

    explicit joined_vector(std::vector<task<T>>&& tasks) noexcept
        : joined_tasks(Any ? stop_at::first_end : stop_at::first_failure),
          tasks_(std::move(tasks)) {}
    joined_vector(joined_vector&& unstarted) noexcept
        : joined_vector(std::move(unstarted.tasks_)) {}
    joined_vector& operator=(joined_vector&&) = delete;
    ~joined_vector() = default;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> waiting,
                       std::source_location where = std::source_location::current()) {
        waiting.promise().stands_at(where);
        open(waiting.promise(), waiting);
        for (const task<T>& each : tasks_) {
            start(each);
        }
        return must_wait();
    }
    value_type await_resume() {
        results all;
        all.reserve(tasks_.size());
        std::size_t first = 0;
        for (std::size_t index = 0; index < tasks_.size(); ++index) {
            if (was_first(tasks_[index])) {
                first = index;
            }
            if constexpr (std::is_void_v<T>) {
                tasks_[index].frame().promise().take();
                all.emplace_back();
            } else {
                all.push_back(tasks_[index].frame().promise().take());
            }
        }
        if constexpr (Any) {
            return value_type(first, std::move(all));
        } else {
            return all;
        }
    }

private:
    std::vector<task<T>> tasks_;
};

/// A task that awaits `inner`; a task is its own.
template <awaitable A>
task<awaited_t<A>> as_task(A inner) {
    co_return co_await std::move(inner);
}
template <class T>
task<T> as_task(task<T> inner) noexcept {
    return inner;
}

/// Awaits all of its arguments, tasks or operations, side by side, and gives a tuple of their
/// results
/// (`std::monostate` for void). The first that fails, by a `result` without a value or an
/// exception, stops the others; all are waited for in any case. An exception is thrown once all are
/// done, the leftmost if there are several.
///
/// Each argument is begun in order, at once, within the `co_await`.
template <awaitable... A>
    requires(sizeof...(A) > 0)
[[nodiscard]] joined_tuple<false, awaited_t<A>...> when_all(A... all) {
    return joined_tuple<false, awaited_t<A>...>(as_task(std::move(all))...);
}

/// The same for any number of tasks; gives a vector of their results.
template <class T>
[[nodiscard]] joined_vector<false, T> when_all(std::vector<task<T>> all) noexcept {
    return joined_vector<false, T>(std::move(all));
}

/// Awaits its arguments until the first is done, whether it succeeded or failed; then stops the
/// others with `stop_reason::cancelled` and waits for them as well. Gives an `any_result`: the
/// index of the first and the results of all, so that nothing is lost that was done in the same
/// moment. Exceptions as with `when_all`.
template <awaitable... A>
    requires(sizeof...(A) > 0)
[[nodiscard]] joined_tuple<true, awaited_t<A>...> when_any(A... any) {
    return joined_tuple<true, awaited_t<A>...>(as_task(std::move(any))...);
}

/// The same for any number of tasks, but at least one.
template <class T>
[[nodiscard]] joined_vector<true, T> when_any(std::vector<task<T>> any) noexcept {
    check(!any.empty(), "when_any has something to wait for");
    return joined_vector<true, T>(std::move(any));
}

} // namespace runnel::inline v0
