// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/async/wait_queue.hpp"
#include "runnel/core/error.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace runnel::inline v0 {

/// When an event that is set becomes unset again.
enum class event_reset : std::uint8_t {
    /// By `reset()`: all who wait go on, and all who come later.
    manual,
    /// By itself, when one who waited, or comes later, goes on.
    automatic,
};

/// Something that tasks of one loop wait for and another announces. Outlives those who wait.
class event {
public:
    class wait_operation;

    explicit event(event_reset reset = event_reset::manual) noexcept : reset_(reset) {}

    /// Announces it. Who waits continues in the loop's next turn.
    void set() noexcept;
    void reset() noexcept { set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    /// Waits until the event is set, not at all if it is. Gives success, or the error of the stop
    /// that came first; one that is stopped has not used up an automatic event.
    [[nodiscard]] wait_operation wait() noexcept;

private:
    [[nodiscard]] bool pass() noexcept;

    event_reset reset_;
    bool set_ = false;
    wait_queue<wait_operation> waiting_;
};

/// See `event::wait`.
class event::wait_operation final : public operation, public queue_link {
public:
    explicit wait_operation(event& awaited) noexcept : event_(&awaited) {}
    wait_operation(wait_operation&& unstarted) noexcept : wait_operation(*unstarted.event_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "event"; }
    result<void> await_resume() noexcept { return std::move(result_); }

protected:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;

private:
    event* event_;
    result<void> result_;
};

inline event::wait_operation event::wait() noexcept {
    return wait_operation(*this);
}

} // namespace runnel::inline v0
