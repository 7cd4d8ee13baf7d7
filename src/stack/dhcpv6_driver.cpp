// SPDX-License-Identifier: Apache-2.0
#include "dhcpv6_driver.hpp"

#include "runnel/core/random.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

dhcpv6_driver::dhcpv6_driver(ip_stack& stack, std::uint32_t interface, mac_address mac)
    : timer(&fire), stack_(&stack), interface_(interface), client_(mac, secure_random_number()) {
    wake();
}

void dhcpv6_driver::wake() noexcept {
    stack_->tcp().owner().arm(*this, stack_->now());
}

void dhcpv6_driver::fire(timer& self) noexcept {
    static_cast<dhcpv6_driver&>(self).act();
}

/// Opens the port at the address of the link, once that may be used. False until then.
bool dhcpv6_driver::open() {
    const std::vector<address_info> all = stack_->net().addresses();
    const auto mine = std::ranges::find_if(all, [&](const address_info& one) {
        return one.interface == interface_ && one.state == address_state::preferred &&
               one.prefix.address().is_v6() && one.prefix.address().is_link_local();
    });
    if (mine == all.end()) {
        return false;
    }
    udp_options options;
    options.interface = interface_;
    options.queue = 16;
    auto opened =
        stack_->net().open_udp({mine->prefix.address(), dhcpv6_client::client_port}, options);
    if (!opened) {
        return false;
    }
    socket_ = std::move(*opened);
    socket_->on_ready([](void* self) noexcept { static_cast<dhcpv6_driver*>(self)->wake(); }, this);
    return true;
}

void dhcpv6_driver::act() {
    if (!stack_->net().advises_dhcpv6(interface_) || (socket_ == nullptr && !open())) {
        return;
    }
    const time_point now = stack_->now();
    client_.start(now);
    const std::vector<ip_address> before = client_.name_servers();
    for (;;) {
        const auto next = socket_->receive();
        if (!next) {
            continue; // an ICMP error: the client asks again anyway
        }
        if (!next->has_value()) {
            break;
        }
        if ((*next)->source.port() == dhcpv6_client::server_port) {
            client_.received((*next)->payload.span(), now);
        }
    }
    client_.advance(now);
    if (auto message = client_.next_message()) {
        // What does not leave is repeated, as if it had been lost on the way.
        (void)socket_->send_to({dhcpv6_client::servers(), dhcpv6_client::server_port},
                               std::move(*message), now);
        stack_->net().flush(now);
        stack_->arm();
    }
    if (client_.name_servers() != before) {
        stack_->announce_change();
    }
    stack_->tcp().owner().arm(*this, client_.deadline());
}

} // namespace runnel::inline v0::stack
