// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"
#include "stream.hpp"

#include <utility>

namespace runnel::inline v0::host {

/// A flow that is a stream: `Interface` is `flow` or one of the flows of this layer. The final
/// class calls `abort()` in its destructor.
template <class Interface>
class stream_flow : public Interface {
public:
    [[nodiscard]] kernel_stream* kernel() noexcept override { return stream_.get(); }

protected:
    explicit stream_flow(stream_ptr carried) noexcept : stream_(std::move(carried)) {}

    [[nodiscard]] stream& carrier() noexcept { return *stream_; }
    [[nodiscard]] const stream& carrier() const noexcept { return *stream_; }

    void do_read(read_operation& op) override { stream_->read(op); }
    void do_write(write_operation& op) override { stream_->write(op); }
    void do_flush(control_operation& op) override { stream_->flush(op); }
    void do_shutdown_write(control_operation& op) override { stream_->shutdown_write(op); }
    void do_shutdown_read() noexcept override { stream_->shutdown_read(); }
    void do_begin_close() noexcept override { stream_->begin_close(); }
    void do_close(control_operation& op) override { stream_->close(op); }
    void do_abort() noexcept override { stream_->abort(); }
    [[nodiscard]] bool do_cancel(read_operation& op) noexcept override {
        return stream_->cancel(op);
    }
    [[nodiscard]] bool do_cancel(write_operation& op) noexcept override {
        return stream_->cancel(op);
    }
    void do_cancel(control_operation& op) noexcept override { stream_->cancel(op); }

private:
    stream_ptr stream_;
};

} // namespace runnel::inline v0::host
