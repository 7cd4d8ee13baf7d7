// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/virtsock.hpp"

#include "virtsock_core.hpp"

#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

class virtsock_flow final : public flow {
public:
    explicit virtsock_flow(flow_ptr below)
        : core_(std::make_shared<virtsock_core>(std::move(below))) {
        core_->start_reading();
    }
    virtsock_flow(const virtsock_flow&) = delete;
    virtsock_flow& operator=(const virtsock_flow&) = delete;
    ~virtsock_flow() override { abort(); }

    [[nodiscard]] flow_address local() const override { return core_->below().local(); }
    [[nodiscard]] flow_address remote() const override { return core_->below().remote(); }

private:
    // Each may end an operation whose task drops this flow.
    [[nodiscard]] std::shared_ptr<virtsock_core> core() const noexcept { return core_; }

    void do_read(read_operation& op) override { core()->read(op); }
    void do_write(write_operation& op) override { core()->write(op); }
    void do_flush(control_operation& op) override { core()->flush(op); }
    void do_shutdown_write(control_operation& op) override { core()->shutdown_write(op); }
    void do_shutdown_read() noexcept override { core()->shutdown_read(); }
    void do_begin_close() noexcept override { core()->begin_close(); }
    void do_close(control_operation& op) override { core()->close(op); }
    void do_abort() noexcept override { core()->abort(); }
    bool do_cancel(read_operation& /*op*/) noexcept override {
        core_->forget_reader();
        return true;
    }
    bool do_cancel(write_operation& /*op*/) noexcept override {
        core_->forget_writer();
        return true;
    }
    void do_cancel(control_operation& /*op*/) noexcept override { core_->forget_control(); }

    std::shared_ptr<virtsock_core> core_;
};

task<result<flow_ptr>> put_over(flow_ptr below, const endpoint& /*whole*/) {
    co_return make_virtsock(std::move(below));
}

} // namespace

flow_ptr make_virtsock(flow_ptr below) {
    return std::make_unique<virtsock_flow>(std::move(below));
}

void register_virtsock_layer(transport_registry& registry) {
    registry.add_layer("virtsock", {.connect = put_over, .accept = put_over});
}

} // namespace runnel::inline v0
