// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

/// Something that runs on another loop while a task waits for it; the part of `run_on` that knows
/// no types. Each request to the other loop is answered exactly once, and the operation is complete
/// when none is outstanding, so neither loop touches it too late.
class remote_call : public operation {
public:
    explicit remote_call(loop& target) noexcept : target_(&target) {}
    remote_call(remote_call&& unstarted) noexcept : remote_call(*unstarted.target_) {}

    [[nodiscard]] std::string_view what() const noexcept final { return "task on another loop"; }

protected:
    /// Runs the task, on the other loop.
    virtual void run_there(stop_source& stop) noexcept = 0;
    /// The task will never run; the loops cannot, or the other one has ended.
    virtual void fail_with(error why) noexcept = 0;
    /// The task is done and its frame destroyed, on the other loop.
    void done_there() noexcept;

    void start() final;
    bool stop(stop_reason reason) noexcept final;
    void refuse(stop_reason reason) noexcept final { fail_with(to_error(reason)); }

private:
    class errand;
    void request(stop_reason stop);
    void obey(stop_reason stop) noexcept;
    void answer() noexcept;

    loop* target_;
    int outstanding_ = 0;              // on our loop
    std::optional<stop_source> there_; // on the other, while the task runs
};

/// Awaitable of `run_on`.
template <class T>
class remote_task final : public remote_call {
public:
    using value_type = std::conditional_t<is_result<T>, T, result<T>>;

    remote_task(loop& target, task<T>&& work) noexcept
        : remote_call(target), work_(std::move(work)) {}
    remote_task(remote_task&& unstarted) noexcept
        : remote_call(static_cast<remote_call&&>(unstarted)), work_(std::move(unstarted.work_)) {}

    value_type await_resume() {
        if (exception_ != nullptr) {
            std::rethrow_exception(std::move(exception_));
        }
        return std::move(value_);
    }

protected:
    void run_there(stop_source& stop) noexcept override {
        const auto frame = work_.frame();
        frame.promise().adopt_as_root(
            frame,
            [](promise_base& self) noexcept { static_cast<remote_task*>(self.owner())->finish(); },
            this, &stop, nullptr, "run_on");
        if (frame.promise().run_inline(frame)) {
            finish();
        }
    }
    void fail_with(error why) noexcept override { value_ = fail(std::move(why)); }

private:
    void finish() noexcept {
        promise<T>& done = work_.frame().promise();
        if (done.exception() != nullptr) {
            exception_ = done.exception();
        } else if constexpr (std::is_void_v<T>) {
            value_ = value_type();
        } else {
            value_ = done.take();
        }
        work_ = task<T>(nullptr);
        done_there();
    }

    task<T> work_;
    value_type value_ = fail(errc::cancelled);
    std::exception_ptr exception_;
};

/// Runs `work` on another loop, which runs on another thread and outlives this call, and waits for
/// it. Gives what the task gives, as a `result`: `not_supported` between loops of which one is
/// virtual, `closed` if the other loop is destroyed before it came to it. What stops the awaiting
/// task stops `work` as well, and it is always waited for. The task's parameters go to the other
/// thread, and its result and exceptions come from there.
///
/// A channel or an event of another loop is used from here in this way.
template <class T>
[[nodiscard]] remote_task<T> run_on(loop& target, task<T> work) noexcept {
    return remote_task<T>(target, std::move(work));
}

} // namespace runnel::inline v0
