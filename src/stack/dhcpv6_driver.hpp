// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/stack/ip/dhcpv6_client.hpp"
#include "runnel/stack/ip/network.hpp"

#include <cstdint>
#include <memory>

namespace runnel::inline v0::stack {

class ip_stack;

/// Runs a DHCPv6 client for an interface of a stack, once its routers say that there is something
/// to ask for.
class dhcpv6_driver final : private timer {
public:
    dhcpv6_driver(ip_stack& stack, std::uint32_t interface, mac_address mac);

    /// To be called when an address changed, or what routers say.
    void wake() noexcept;

    [[nodiscard]] std::uint32_t interface() const noexcept { return interface_; }
    [[nodiscard]] const dhcpv6_client& client() const noexcept { return client_; }

private:
    static void fire(timer& self) noexcept;
    void act();
    [[nodiscard]] bool open();

    ip_stack* stack_;
    std::uint32_t interface_;
    dhcpv6_client client_;
    std::unique_ptr<udp_socket> socket_;
};

} // namespace runnel::inline v0::stack
