// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/duplex.hpp"

#include "close_part.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/layer.hpp"
#include "side_task.hpp"

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// The flow to read from. Lives until its writing side, which nobody uses, is shut down.
struct input_half {
    explicit input_half(flow_ptr input) noexcept : reading(std::move(input)) {}
    flow_ptr reading;
    side_task shutdown;
};

task<void> shut_writing(flow& input) {
    static_cast<void>(co_await input.shutdown(direction::write));
}

/// Writing is what a `passing_layer` does, over the output.
class duplex_layer final : public passing_layer {
public:
    duplex_layer(flow_ptr input, flow_ptr output)
        : passing_layer(std::move(output)), half_(std::make_shared<input_half>(std::move(input))),
          input_(half_->reading.get()) {
        below().shutdown_read();
        half_->shutdown.start(shut_writing(*input_), "duplex", nullptr, half_);
    }

    task<result<buffer>> read(std::size_t hint) override { co_return co_await input_->read(hint); }

    void shutdown_read() noexcept override { input_->shutdown_read(); }

    void begin_close() noexcept override { input_->begin_close(); }

    task<result<void>> close() override {
        // At once, because each may wait for the peer to close the other.
        auto both = co_await when_all(close_part(below()), close_part(*input_));
        for (std::optional<error>* failure : {&std::get<0>(both), &std::get<1>(both)}) {
            if (*failure) {
                co_return fail(std::move(**failure));
            }
        }
        co_return result<void>();
    }

    void abort() noexcept override {
        input_->abort();
        passing_layer::abort();
    }

    [[nodiscard]] flow_address local() const override { return input_->local(); }

private:
    std::shared_ptr<input_half> half_;
    flow* input_;
};

} // namespace

flow_ptr make_duplex(flow_ptr input, flow_ptr output) {
    return make_layered(std::make_unique<duplex_layer>(std::move(input), std::move(output)));
}

} // namespace runnel::inline v0
