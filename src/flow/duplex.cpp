// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/duplex.hpp"

#include "runnel/flow/layer.hpp"

#include <utility>

namespace runnel::inline v0 {
namespace {

/// Writing is what a `passing_layer` does, over the output.
class duplex_layer final : public passing_layer {
public:
    duplex_layer(flow_ptr input, flow_ptr output)
        : passing_layer(std::move(output)), input_(std::move(input)) {
        below().shutdown_read();
    }

    task<result<buffer>> read(std::size_t hint) override { co_return co_await input_->read(hint); }

    void shutdown_read() noexcept override { input_->shutdown_read(); }

    void begin_close() noexcept override { input_->begin_close(); }

    task<result<void>> close() override {
        const auto output_closed = co_await below().close();
        const auto input_closed = co_await input_->close();
        co_return output_closed ? input_closed : output_closed;
    }

    void abort() noexcept override {
        input_->abort();
        passing_layer::abort();
    }

    [[nodiscard]] flow_address local() const override { return input_->local(); }

private:
    flow_ptr input_;
};

} // namespace

flow_ptr make_duplex(flow_ptr input, flow_ptr output) {
    return make_layered(std::make_unique<duplex_layer>(std::move(input), std::move(output)));
}

} // namespace runnel::inline v0
