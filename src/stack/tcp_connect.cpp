// SPDX-License-Identifier: Apache-2.0
#include "engine_flow.hpp"

namespace runnel::inline v0::stack {

void connect_operation::start() {
    if (auto already = flow_->opened()) {
        end(std::move(*already));
    } else {
        flow_->await_opening(*this);
    }
}

bool connect_operation::stop(stop_reason reason) noexcept {
    flow_->stop_opening();
    result_ = fail(to_error(reason));
    return true;
}

void connect_operation::refuse(stop_reason reason) noexcept {
    result_ = fail(to_error(reason));
}

task<result<tcp_flow_ptr>> connect(tcp_driver& driver, ip_endpoint to, tcp_flow_options options) {
    auto flow = std::make_unique<engine_flow>(driver);
    const auto entry = driver.layer().connect(to, options.from, flow->user(), driver.now());
    driver.arm();
    if (!entry) {
        co_return fail(entry.error().wrap("connect tcp://" + to.to_string()));
    }
    flow->begin(**entry, options);
    const result<void> opened = co_await connect_operation(*flow);
    if (!opened) {
        co_return fail(opened.error().wrap("connect tcp://" + to.to_string()));
    }
    co_return flow;
}

} // namespace runnel::inline v0::stack
