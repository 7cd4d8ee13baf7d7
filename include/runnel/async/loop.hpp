// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/stop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/core/error.hpp"

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

class io_backend;
class operation;

/// What drives a loop.
enum class backend_kind : std::uint8_t {
    /// io_uring where the kernel allows it, otherwise epoll.
    automatic,
    io_uring,
    epoll,
    /// No kernel and no clock: time jumps to the next deadline as soon as nothing is left to do.
    virtual_time,
};

/// How to make a loop.
struct loop_options {
    backend_kind backend = backend_kind::automatic;
    /// Virtual time: whether a deadlock is reported on standard error, besides ending the
    /// operations that wait with `errc::deadlock`.
    bool report_deadlock = true;
};

/// Counters of a loop since it was made.
struct loop_statistics {
    std::uint64_t resumed = 0; ///< coroutines continued from the ready queue
    std::uint64_t polls = 0;   ///< times the backend was asked for events
    std::uint64_t posted = 0;  ///< functions that came from `post`
};

/// The event loop: runs the tasks of one thread, and everything they wait for.
///
/// A loop belongs to the thread that calls `run`; `post` is the only call for other threads. Flows,
/// timers and tasks belong to the loop in which they were made. Many cores are used by many loops.
class loop {
public:
    /// Makes a loop. Errors: `not_supported` when the kernel refuses the backend that was asked
    /// for.
    [[nodiscard]] static result<std::unique_ptr<loop>> create(loop_options options = {});
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// The loop that runs on this thread. Requires that one does.
    [[nodiscard]] static loop& current() noexcept { return *current_; }
    /// The same, or null.
    [[nodiscard]] static loop* current_or_null() noexcept { return current_; }

    /// Runs `root` and all that it starts, until it is done, and gives its result. Other loops may
    /// run on other threads, but not two on one. May be called again. What other loops run here
    /// (`run_on`) is stopped when the root is done, and waited for.
    template <class T>
    T run(task<T> root) {
        auto frame = std::move(root).release();
        run_root(frame.promise(), frame);
        // Destroys the frame also when the task let an exception escape.
        const std::unique_ptr<void, void (*)(void*)> owner(frame.address(), [](void* address) {
            std::coroutine_handle<>::from_address(address).destroy();
        });
        return frame.promise().take();
    }

    /// The time, as of the start of this turn.
    [[nodiscard]] time_point now() const noexcept { return now_; }
    /// The time of day, asked anew. Of virtual time: as if it began with the year 2000, so that a
    /// simulation gives the same dates each time.
    [[nodiscard]] wall_time wall_now() const noexcept;
    [[nodiscard]] bool is_virtual() const noexcept { return kind_ == backend_kind::virtual_time; }
    /// The backend in use; never `automatic`.
    [[nodiscard]] backend_kind kind() const noexcept { return kind_; }
    /// The backend, for those who drive descriptors: the host layer and links.
    [[nodiscard]] io_backend& io() noexcept { return *io_; }

    /// Calls `function`, which does not throw, on the loop's thread in one of its next turns. From
    /// any thread. Functions posted after the last `run` returned are dropped with the loop.
    void post(std::move_only_function<void()> function);

    /// Stops every task of the current or next `run`, from the loop's thread.
    [[nodiscard]] stop_source& stop() noexcept { return stop_; }

    /// Keeps something that belongs to this loop, and drops it when the loop is destroyed, before
    /// its timers and backend.
    void keep(std::shared_ptr<void> what) { kept_.push_back(std::move(what)); }

    /// Arms a timer for a moment of this loop's clock.
    void arm(timer& entry, time_point deadline) noexcept { timers_.arm(entry, deadline); }

    /// Continues a coroutine in a later turn. Requires that the node is not scheduled.
    void schedule(ready_node& node) noexcept {
        node.next_ready = nullptr;
        *last_ready_ = &node;
        last_ready_ = &node.next_ready;
    }

    /// Whether an operation that finished at once may continue its task without a turn of the loop.
    /// False now and then, so that no task starves the others.
    [[nodiscard]] bool may_continue_inline() noexcept { return --inline_budget_ > 0; }

    /// What every waiting task waits on, one line each: the operation, then where the task stands
    /// and who awaits it, innermost first.
    [[nodiscard]] std::string waiting_report() const;

    /// A task that another loop runs here begins: gives what stops it.
    [[nodiscard]] stop_source& guest_begins() noexcept {
        ++guests_;
        return *guest_stop_;
    }
    void guest_ends() noexcept { --guests_; }

    [[nodiscard]] const loop_statistics& statistics() const noexcept { return statistics_; }

private:
    friend class operation;
    loop(backend_kind kind, std::unique_ptr<io_backend> io, loop_options options);

    void run_root(promise_base& promise, std::coroutine_handle<> frame);
    void turn();
    void run_ready();
    void run_posted() noexcept;
    void on_deadlock();

    static inline thread_local loop* current_ = nullptr;

    backend_kind kind_;
    loop_options options_;
    time_point now_{};
    int inline_budget_ = 0;
    bool root_done_ = false;
    std::size_t guests_ = 0;
    stop_source* guest_stop_ = nullptr; // during `run`
    ready_node* first_ready_ = nullptr;
    ready_node** last_ready_ = &first_ready_;
    operation* first_waiting_ = nullptr;
    timer_wheel timers_;
    stop_source stop_;
    loop_statistics statistics_;
    std::atomic<bool> has_posted_{false};
    std::mutex posted_mutex_;
    std::vector<std::move_only_function<void()>> posted_;
    std::vector<std::move_only_function<void()>> running_posted_; // kept for its capacity
    std::unique_ptr<io_backend> io_;
    std::vector<std::shared_ptr<void>> kept_;
};

/// The name of a backend as `info` and options spell it: "io_uring", "epoll", "virtual".
[[nodiscard]] std::string_view to_string(backend_kind kind) noexcept;

} // namespace runnel::inline v0
