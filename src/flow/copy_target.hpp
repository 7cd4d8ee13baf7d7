// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/flow/tee.hpp"
#include "side_task.hpp"

#include <array>
#include <memory>
#include <optional>

namespace runnel::inline v0 {

/// A flow that gets copies of what passes through others: a bounded queue, and a coroutine that
/// writes it out. Lives until that is done, so it is shared.
class copy_target : public std::enable_shared_from_this<copy_target> {
public:
    copy_target(flow_ptr target, const copy_target_options& options) noexcept
        : target_(std::move(target)), options_(options) {}

    /// Whether nobody has to wait for room, or hear of a failure.
    [[nodiscard]] bool is_ready() const noexcept {
        return gone_ ? options_.when_failed == failed_copy::ignore || !failure_
                     : queue_.bytes() < options_.backlog || options_.when_slow == slow_copy::detach;
    }
    task<result<void>> ready();

    /// Queues a piece, or all of several. Drops them if the target has failed or was detached.
    void push(buffer data);
    void push(buffer_queue& pieces);

    /// Writes what is left, and closes the target.
    task<result<void>> finish();
    void abort() noexcept;

private:
    void start_writing();
    task<void> write_out();
    task<result<void>> write_and_close();
    void let_go() noexcept;

    flow_ptr target_;
    copy_target_options options_;
    buffer_queue queue_;
    std::array<buffer, 8> writing_;
    event room_;
    side_task writer_;
    bool gone_ = false; // failed, detached or aborted
    std::optional<error> failure_;
};

} // namespace runnel::inline v0
