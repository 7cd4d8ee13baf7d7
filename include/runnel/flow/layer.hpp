// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <memory>

namespace runnel::inline v0 {

/// A flow written as coroutines, mostly over another flow that it owns: what `make_layered` turns
/// into a flow that keeps the whole contract.
///
/// Its functions are called under the same rules as the `do_` functions of `flow`: one read, one
/// write and one of `flush`, `shutdown_write` and `close` at a time, nothing after a direction
/// finished. Each task is stopped when its operation is; it then gives the error that the stopped
/// await below it gave. What it takes from below and cannot deliver it keeps for the next call.
/// After `abort()` the tasks that run are stopped, and the layer lives until they are done.
class layer {
public:
    layer() = default;
    layer(const layer&) = delete;
    layer& operator=(const layer&) = delete;
    virtual ~layer() = default;

    /// Gives at least 1 byte, at most `hint` if the layer can and it is not 0; or how reading
    /// finished.
    virtual task<result<buffer>> read(std::size_t hint) = 0;
    /// Takes everything from `op`. What it took before it fails or is stopped counts as accepted.
    virtual task<result<void>> write(write_operation& op) = 0;
    virtual task<result<void>> flush() = 0;
    virtual task<result<void>> shutdown_write() = 0;
    /// Discards what arrives from now on.
    virtual void shutdown_read() noexcept = 0;
    /// A close follows, but has to wait for a write: see `flow::begin_close`.
    virtual void begin_close() noexcept {}
    /// The graceful end of both directions, as `flow::close`. No read is waiting then, and later
    /// reads are still passed on.
    virtual task<result<void>> close() = 0;
    virtual void abort() noexcept = 0;

    [[nodiscard]] virtual flow_address local() const = 0;
    [[nodiscard]] virtual flow_address remote() const = 0;
};

/// A layer that passes everything on to a flow below it, for layers that change only some of it.
class passing_layer : public layer {
public:
    explicit passing_layer(flow_ptr below) noexcept : below_(std::move(below)) {}

    task<result<buffer>> read(std::size_t hint) override;
    task<result<void>> write(write_operation& op) override;
    task<result<void>> flush() override;
    task<result<void>> shutdown_write() override;
    void shutdown_read() noexcept override;
    void begin_close() noexcept override;
    task<result<void>> close() override;
    void abort() noexcept override { below_->abort(); }
    [[nodiscard]] flow_address local() const override { return below_->local(); }
    [[nodiscard]] flow_address remote() const override { return below_->remote(); }

protected:
    /// Writes the front of `op` to the flow below, at most `limit` bytes, and counts what is
    /// accepted.
    task<result<void>> write_front(write_operation& op, std::size_t limit);

    [[nodiscard]] flow& below() noexcept { return *below_; }
    [[nodiscard]] const flow& below() const noexcept { return *below_; }

private:
    flow_ptr below_;
};

/// Makes a flow of a layer.
[[nodiscard]] flow_ptr make_layered(std::unique_ptr<layer> implementation);

} // namespace runnel::inline v0
