// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/loop.hpp"

#include "backends.hpp"
#include "runnel/async/backend_wrapper.hpp"
#include "runnel/async/io.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/core/check.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>

namespace runnel::inline v0 {
namespace {

/// Operations in a row that may finish without a turn of the loop.
constexpr int inline_budget = 128;
/// Coroutines continued before the kernel is asked for events again.
constexpr int ready_budget = 256;

/// When virtual time begins.
constexpr wall_time virtual_epoch = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

} // namespace

result<std::unique_ptr<loop>> loop::create(loop_options options) {
    backend_kind kind = options.backend;
    std::unique_ptr<io_backend> io;
    if (kind == backend_kind::virtual_time) {
        io = make_virtual_backend();
    } else {
        result<std::unique_ptr<io_backend>> made = fail(errc::not_supported);
        if (kind != backend_kind::epoll) {
            made = make_uring_backend();
            if (!made && kind == backend_kind::io_uring) {
                return std::unexpected(made.error().wrap("the io_uring backend"));
            }
            kind = made ? backend_kind::io_uring : backend_kind::epoll;
        }
        if (!made) {
            made = make_epoll_backend();
        }
        if (!made) {
            return std::unexpected(made.error().wrap("the epoll backend"));
        }
        io = std::move(*made);
    }
    io = backend_wrapper::apply(std::move(io));
    return std::unique_ptr<loop>(new loop(kind, std::move(io), options));
}

loop::loop(backend_kind kind, std::unique_ptr<io_backend> io, loop_options options)
    : kind_(kind), options_(options), now_(io->now()), timers_(now_), io_(std::move(io)) {}

wall_time loop::wall_now() const noexcept {
    return is_virtual() ? virtual_epoch + now_.time_since_epoch()
                        : wall_time(std::chrono::system_clock::now());
}

loop::~loop() {
    // Requests still with the kernel end now, and their owners may look at the loop once more.
    loop* previous = std::exchange(current_, this);
    kept_.clear();
    io_.reset();
    posted_.clear();
    current_ = previous;
}

void loop::run_root(promise_base& promise, std::coroutine_handle<> frame) {
    check(current_ == nullptr, "a thread runs one loop at a time");
    current_ = this;
    root_done_ = false;
    promise.adopt_as_root(
        frame,
        [](promise_base& self) noexcept { static_cast<loop*>(self.owner())->root_done_ = true; },
        this, &stop_, nullptr, "root");
    now_ = io_->now();
    inline_budget_ = inline_budget;
    stop_source guest_stop;
    guest_stop_ = &guest_stop;
    root_done_ = promise.run_inline(frame);
    while (!root_done_) {
        turn();
    }
    guest_stop.request_stop();
    while (guests_ != 0) {
        turn();
    }
    // What the last task left behind, such as files to close, is handed to the kernel.
    run_ready();
    current_ = nullptr;
}

void loop::turn() {
    run_ready();
    if (root_done_ && (guests_ == 0 || !guest_stop_->stop_requested())) {
        return; // nothing is left, or the guests are to be stopped first
    }
    const bool poll = first_ready_ != nullptr || has_posted_.load(std::memory_order_acquire);
    const time_point wakeup = timers_.next_wakeup();
    if (is_virtual() && !poll && wakeup == never) {
        on_deadlock();
        return;
    }
    ++statistics_.polls;
    now_ = io_->wait(wakeup, poll);
    timers_.advance(now_);
    if (has_posted_.load(std::memory_order_acquire)) {
        run_posted();
    }
}

void loop::run_ready() {
    for (int budget = ready_budget; budget > 0 && first_ready_ != nullptr; --budget) {
        ready_node* node = first_ready_;
        first_ready_ = node->next_ready;
        if (first_ready_ == nullptr) {
            last_ready_ = &first_ready_;
        }
        inline_budget_ = inline_budget;
        ++statistics_.resumed;
        node->continuation.resume();
    }
}

void loop::post(std::move_only_function<void()> function) {
    // What the function does may end the loop. It cannot run before the lock is free, and nothing
    // of the loop is touched after that.
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(function));
    if (!has_posted_.exchange(true, std::memory_order_release) && current_ != this) {
        io_->wake();
    }
}

void loop::run_posted() noexcept {
    {
        const std::lock_guard lock(posted_mutex_);
        running_posted_.swap(posted_);
        has_posted_.store(false, std::memory_order_relaxed);
    }
    for (auto& function : running_posted_) {
        ++statistics_.posted;
        function();
    }
    running_posted_.clear();
}

void loop::on_deadlock() {
    if (options_.report_deadlock) {
        std::fputs(waiting_report().c_str(), stderr);
    }
    check(!stop_.stop_requested(), "every task ends when it is asked to stop");
    stop_.request_stop(stop_reason::deadlock);
}

std::string loop::waiting_report() const {
    std::string text;
    const auto out = std::back_inserter(text);
    for (const operation* op = first_waiting_; op != nullptr; op = op->next_waiting_) {
        fmt::format_to(out, "waiting on {}\n", op->what());
        for (const promise_base* task = op->task_; task != nullptr; task = task->parent()) {
            fmt::format_to(out, "    at {}:{} in {}", task->where().file_name(),
                           task->where().line(), task->where().function_name());
            if (task->name() != nullptr) {
                fmt::format_to(out, " (task \"{}\")", task->name());
            }
            text += '\n';
        }
    }
    return text;
}

std::string_view to_string(backend_kind kind) noexcept {
    switch (kind) {
    case backend_kind::automatic:
        return "automatic";
    case backend_kind::io_uring:
        return "io_uring";
    case backend_kind::epoll:
        return "epoll";
    case backend_kind::virtual_time:
        return "virtual";
    }
    return "unknown";
}

} // namespace runnel::inline v0
