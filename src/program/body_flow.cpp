// SPDX-License-Identifier: Apache-2.0
#include "body_flow.hpp"

#include "runnel/core/buffer_list.hpp"
#include "runnel/flow/layer.hpp"

#include <memory>
#include <utility>

namespace runnel::inline v0::program {
namespace {

class body_layer final : public layer {
public:
    explicit body_layer(http::incoming_body& body) noexcept : body_(body) {}

    task<result<buffer>> read(std::size_t hint) override {
        if (rest_.empty()) {
            result<buffer> piece = co_await body_.read();
            if (!piece) {
                co_return piece;
            }
            rest_.push_back(*std::move(piece));
        }
        co_return rest_.pop_front(hint != 0 ? hint : buffer::max_size);
    }
    task<result<void>> write(write_operation& /*op*/) override {
        co_return fail(errc::not_supported, "a body that is received is not written");
    }
    task<result<void>> flush() override { co_return result<void>(); }
    task<result<void>> shutdown_write() override { co_return result<void>(); }
    void shutdown_read() noexcept override {}
    task<result<void>> close() override { co_return result<void>(); }
    void abort() noexcept override {}
    [[nodiscard]] flow_address local() const override { return flow_address("http"); }
    [[nodiscard]] flow_address remote() const override { return flow_address("http"); }

private:
    http::incoming_body& body_;
    buffer_queue rest_;
};

} // namespace

flow_ptr make_body_flow(http::incoming_body& body) {
    return make_layered(std::make_unique<body_layer>(body));
}

} // namespace runnel::inline v0::program
