// SPDX-License-Identifier: Apache-2.0
#include "dhcp_driver.hpp"

#include "runnel/core/random.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

/// Routes that were set by hand come before those of a lease, and those before advertised ones.
constexpr std::uint32_t lease_metric = 512;

} // namespace

dhcp_driver::dhcp_driver(ip_stack& stack, std::uint32_t interface, mac_address mac)
    : timer(&fire), stack_(&stack), interface_(interface), client_(mac, secure_random_number()) {}

result<void> dhcp_driver::start() {
    udp_options options;
    options.interface = interface_;
    options.queue = 16;
    auto opened = stack_->net().open_udp({ipv4_address::any(), dhcp_message::client_port}, options);
    if (!opened) {
        return fail(opened.error());
    }
    socket_ = std::move(*opened);
    socket_->on_ready([](void* self) noexcept { static_cast<dhcp_driver*>(self)->wake(); }, this);
    client_.start(stack_->now());
    act();
    return {};
}

void dhcp_driver::release() {
    client_.release(stack_->now());
    act();
}

void dhcp_driver::wake() noexcept {
    stack_->tcp().owner().arm(*this, stack_->now());
}

void dhcp_driver::fire(timer& self) noexcept {
    static_cast<dhcp_driver&>(self).act();
}

void dhcp_driver::act() {
    take_datagrams();
    tell_whether_free();
    client_.advance(stack_->now());
    carry_out();
    stack_->net().flush(stack_->now());
    stack_->arm();
    stack_->tcp().owner().arm(*this, client_.deadline());
}

void dhcp_driver::take_datagrams() {
    for (;;) {
        const auto next = socket_->receive();
        if (!next) {
            continue; // an ICMP error: the client asks again anyway
        }
        if (!next->has_value()) {
            return;
        }
        if ((*next)->source.port() == dhcp_message::server_port) {
            client_.received((*next)->payload.span(), stack_->now());
            carry_out();
        }
    }
}

void dhcp_driver::tell_whether_free() {
    if (!checking_) {
        return;
    }
    const std::vector<address_info> all = stack_->net().addresses();
    const auto found = std::ranges::find_if(
        all, [&](const address_info& one) { return one.prefix.address() == *checking_; });
    if (found != all.end() && found->state == address_state::tentative) {
        return;
    }
    checking_.reset();
    client_.checked(found != all.end() && found->state == address_state::preferred, stack_->now());
}

void dhcp_driver::carry_out() {
    while (auto next = client_.next_action()) {
        std::visit([this](auto& what) { carry_out(what); }, *next);
    }
}

void dhcp_driver::carry_out(dhcp_client::send& what) {
    // What does not leave is repeated, as if it had been lost on the way.
    (void)socket_->send_from(what.from, {what.to, dhcp_message::server_port},
                             std::move(what.message), stack_->now());
}

void dhcp_driver::carry_out(const dhcp_client::check& what) {
    if (stack_->net().add_checked_address(interface_, what.address, stack_->now())) {
        checking_ = what.address.address();
    } else {
        client_.checked(false, stack_->now());
    }
}

void dhcp_driver::carry_out(const dhcp_client::use& what) {
    drop_routes();
    for (const dhcp_message::route& one : what.lease.routes) {
        route way;
        way.destination = one.destination;
        if (!one.gateway.is_unspecified()) {
            way.gateway = one.gateway;
        }
        way.interface = interface_;
        way.metric = lease_metric;
        if (stack_->net().add_route(way)) {
            routes_.push_back(way);
        }
    }
    if (what.lease.mtu) {
        stack_->net().limit_mtu(interface_, *what.lease.mtu);
    }
    stack_->announce_change();
}

void dhcp_driver::carry_out(const dhcp_client::lose& what) {
    drop_routes();
    checking_.reset();
    stack_->net().remove_address(what.address, stack_->now());
}

void dhcp_driver::drop_routes() {
    for (const route& one : routes_) {
        stack_->net().remove_route(one);
    }
    routes_.clear();
}

} // namespace runnel::inline v0::stack
