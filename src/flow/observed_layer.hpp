// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/flow/layer.hpp"

#include <memory>
#include <utility>

namespace runnel::inline v0 {

/// Somebody who sees what passes through an `observed_layer`.
class observer {
public:
    observer() = default;
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;
    virtual ~observer() = default;

    /// Whether the next read or write may begin at once; if not, `ready` is awaited before.
    [[nodiscard]] virtual bool is_ready() const noexcept { return true; }
    virtual task<result<void>> ready() { co_return result<void>(); }

    /// Bytes that were read, or that the flow below accepted.
    virtual void passed(direction which, buffer data) = 0;
    /// How reading finished, or how a write failed; not called for operations that are stopped.
    virtual void ended(direction /*which*/, const error& /*how*/) {}
    /// We ended the writing direction.
    virtual void shut_down() {}

    /// The flow is closed.
    virtual task<result<void>> finish() { co_return result<void>(); }
    virtual void abort() noexcept {}
};

/// A layer that changes nothing, and shows an observer what passes.
class observed_layer final : public passing_layer {
public:
    observed_layer(flow_ptr below, std::unique_ptr<observer> by) noexcept
        : passing_layer(std::move(below)), by_(std::move(by)) {}

    task<result<buffer>> read(std::size_t hint) override;
    task<result<void>> write(write_operation& op) override;
    task<result<void>> shutdown_write() override;
    task<result<void>> close() override;
    void abort() noexcept override;

private:
    task<void> note_end(direction which, const error& how);

    std::unique_ptr<observer> by_;
    bool shut_ = false;
};

} // namespace runnel::inline v0
