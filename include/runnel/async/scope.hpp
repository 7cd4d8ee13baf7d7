// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

/// Owns tasks that run beside each other: its children. Made by `with_scope`, which does not return
/// before the last child is done, so children may refer to everything that outlives the call. They
/// must not refer to what is local to the body, which ends before them, unless it ends with
/// `co_await s.join()`.
///
/// The first child, or the body, that fails stops all the others: a `result` without a value or an
/// exception is a failure. A finished child's memory is given back at once, so a scope may live for
/// as long as a server and spawn any number of tasks. Thread-confined.
class scope {
public:
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

    /// Starts `child` in the loop's next turn. `name` is for reports and must outlive the child. A
    /// child spawned after a stop was requested still runs, and its first operation is refused.
    void spawn(task<void> child, const char* name = nullptr) noexcept {
        adopt(std::move(child).release(), name);
    }
    void spawn(task<result<void>> child, const char* name = nullptr) noexcept {
        adopt(std::move(child).release(), name);
    }
    /// The same for the task that `make()` gives; keeps `make` as long as the task runs, so that it
    /// may be a lambda with captures: `s.spawn([&] -> task<void> { … })`.
    template <std::invocable F>
    void spawn(F make, const char* name = nullptr) {
        spawn(call(std::move(make)), name);
    }

    /// Stops the body and all children, present and future. When they then fail with
    /// `errc::cancelled`, that is what was asked for, and not a failure of the scope.
    void request_stop() noexcept;
    [[nodiscard]] bool stop_requested() const noexcept { return source_.stop_requested(); }
    /// What stops the body and the children.
    [[nodiscard]] stop_source& stop() noexcept { return source_; }

    /// Children that are not done.
    [[nodiscard]] std::size_t size() const noexcept { return children_; }

    /// Awaitable of `join`.
    class join_awaiter {
    public:
        explicit join_awaiter(scope& joined) noexcept : scope_(joined) {}
        [[nodiscard]] bool await_ready() const noexcept { return scope_.children_ == 0; }
        void await_suspend(std::coroutine_handle<> body) const noexcept { scope_.joining_ = body; }
        void await_resume() const noexcept {}

    private:
        scope& scope_;
    };
    /// Waits until there are no children. For the body, and for nobody else. Not refused to a
    /// stopped scope: the children have been asked to stop, and are waited for.
    [[nodiscard]] join_awaiter join() noexcept { return join_awaiter(*this); }

protected:
    scope() noexcept = default;
    ~scope() = default;

    /// Begins a scope on behalf of `parent`.
    void open(const promise_base& parent, std::coroutine_handle<> waiting) noexcept;
    /// Notes how the body or a child ended; the first failure stops the rest.
    template <class T>
    void note_end(const promise<T>& ended) noexcept {
        if (!ended.failed()) {
            return;
        }
        if constexpr (is_result<T>) {
            if (ended.exception() == nullptr) {
                fail(ended.value().error());
                return;
            }
        }
        fail(ended.exception());
    }
    /// The body ended. Whether children still run.
    [[nodiscard]] bool body_done() noexcept {
        joining_ = waiting_;
        return children_ != 0;
    }
    /// Continues the body that joins, or whoever waits for the scope.
    void resume() noexcept { std::exchange(joining_, nullptr).resume(); }
    /// Throws the exception, if one was the first failure.
    void rethrow() const {
        if (exception_ != nullptr) {
            std::rethrow_exception(exception_);
        }
    }
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

private:
    template <class F>
    static std::invoke_result_t<F&> call(F make) {
        co_return co_await make();
    }

    template <class T>
    void adopt(std::coroutine_handle<promise<T>> frame, const char* name) noexcept {
        frame.promise().adopt_as_root(frame, &child_done<T>, this, &source_, parent_, name);
        ++children_;
        loop::current().schedule(frame.promise());
    }
    template <class T>
    static void child_done(promise_base& base) noexcept {
        auto& child = static_cast<promise<T>&>(base);
        auto& self = *static_cast<scope*>(base.owner());
        self.note_end(child);
        std::coroutine_handle<promise<T>>::from_promise(child).destroy();
        --self.children_;
        if (self.children_ == 0 && self.joining_) {
            self.resume();
        }
    }
    void fail(const error& what) noexcept;
    void fail(const std::exception_ptr& what) noexcept;

    stop_source source_;
    const promise_base* parent_ = nullptr;
    std::coroutine_handle<> waiting_; // who awaits the scope
    std::coroutine_handle<> joining_; // who waits for the last child: the body, or the same
    std::size_t children_ = 0;
    bool asked_to_stop_ = false;
    std::optional<error> failure_;
    std::exception_ptr exception_;
};

/// Awaitable of `with_scope`.
template <class F>
class scope_awaiter final : private scope {
    using body_task = std::invoke_result_t<F&, scope&>;
    using body_promise = typename body_task::promise_type;
    using body_value = decltype(std::declval<body_promise&>().take());

public:
    using value_type = std::conditional_t<is_result<body_value>, body_value, result<body_value>>;

    explicit scope_awaiter(F&& body) noexcept : body_(std::move(body)) {}
    scope_awaiter(scope_awaiter&& unstarted) noexcept : scope_awaiter(std::move(unstarted.body_)) {}
    scope_awaiter& operator=(scope_awaiter&&) = delete;
    ~scope_awaiter() = default;

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class P>
    bool await_suspend(std::coroutine_handle<P> waiting,
                       std::source_location where = std::source_location::current()) {
        waiting.promise().stands_at(where);
        open(waiting.promise(), waiting);
        task_ = body_(static_cast<scope&>(*this));
        const auto frame = task_.frame();
        body_promise& body = frame.promise();
        body.adopt_as_root(frame, &when_body_done, this, &stop(), &waiting.promise(), nullptr);
        if (body.run_inline(frame)) {
            note_end(body);
            return body_done();
        }
        return true;
    }

    value_type await_resume() {
        rethrow();
        if (failure()) {
            return std::unexpected(*failure());
        }
        if constexpr (std::is_void_v<body_value>) {
            task_.frame().promise().take();
            return {};
        } else {
            return task_.frame().promise().take();
        }
    }

private:
    static void when_body_done(promise_base& base) noexcept {
        auto& self = *static_cast<scope_awaiter*>(base.owner());
        self.note_end(static_cast<body_promise&>(base));
        if (!self.body_done()) {
            self.resume();
        }
    }

    F body_;
    body_task task_{typename body_task::handle()};
};

/// Runs `body(scope&)`, a coroutine that may spawn children into the scope, and waits for it and
/// all of them: `co_await with_scope([&](scope& s) -> task<void> { s.spawn(…); co_return; })`.
///
/// Gives `result<T>` for a body of `task<T>` or `task<result<T>>`: the first failure of the body or
/// of a child, after it has stopped all the others and they are done; else the body's value. An
/// exception that comes first is thrown in the same way. What stops the awaiting task stops the
/// body and the children. The body is kept until the end, so it may be a lambda with captures; as
/// with every awaited expression, one that captures by value needs a name of its own first.
template <std::invocable<scope&> F>
[[nodiscard]] scope_awaiter<F> with_scope(F body) noexcept {
    return scope_awaiter<F>(std::move(body));
}

} // namespace runnel::inline v0
