// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/udp_channel.hpp"

#include <utility>

namespace runnel::inline v0::stack {

result<std::unique_ptr<udp_channel>> udp_channel::open(ip_stack& over, const ip_endpoint& at,
                                                       const udp_options& options) {
    auto socket = over.net().open_udp(at, options);
    if (!socket) {
        return fail(socket.error());
    }
    return std::make_unique<udp_channel>(over, std::move(*socket));
}

udp_channel::udp_channel(ip_stack& over, std::unique_ptr<udp_socket> socket) noexcept
    : stack_(&over), socket_(std::move(socket)) {
    socket_->on_ready([](void* self) noexcept { static_cast<udp_channel*>(self)->ready_.set(); },
                      this);
}

udp_channel::~udp_channel() = default;

result<void> udp_channel::send_to(const ip_endpoint& to, buffer payload) {
    return sent(socket_->send_to(to, std::move(payload), stack_->now()));
}

result<void> udp_channel::send(buffer payload) {
    return sent(socket_->send(std::move(payload), stack_->now()));
}

result<void> udp_channel::sent(result<void> how) {
    stack_->net().flush(stack_->now());
    stack_->arm();
    return how;
}

task<result<udp_datagram>> udp_channel::receive() {
    for (;;) {
        auto next = socket_->receive();
        if (!next) {
            co_return fail(next.error());
        }
        if (next->has_value()) {
            co_return std::move(**next);
        }
        const result<void> waited = co_await ready_.wait();
        if (!waited) {
            co_return fail(waited.error());
        }
    }
}

} // namespace runnel::inline v0::stack
