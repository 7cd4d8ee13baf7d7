// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/stack/ip/dhcp_client.hpp"
#include "runnel/stack/ip/network.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace runnel::inline v0::stack {

class ip_stack;

/// Runs a DHCP client for an interface of a stack: carries its messages, and puts its address and
/// routes into the network.
class dhcp_driver final : private timer {
public:
    dhcp_driver(ip_stack& stack, std::uint32_t interface, mac_address mac);

    /// Errors: those of `network::open_udp`.
    result<void> start();
    void release();
    /// To be called when an address changed: one may have been found free, or taken.
    void wake() noexcept;

    [[nodiscard]] std::uint32_t interface() const noexcept { return interface_; }
    [[nodiscard]] const dhcp_client& client() const noexcept { return client_; }

private:
    static void fire(timer& self) noexcept;
    void act();
    void take_datagrams();
    void tell_whether_free();
    void carry_out();
    void carry_out(const dhcp_client::check& what);
    void carry_out(dhcp_client::send& what);
    void carry_out(const dhcp_client::use& what);
    void carry_out(const dhcp_client::lose& what);
    void drop_routes();

    ip_stack* stack_;
    std::uint32_t interface_;
    dhcp_client client_;
    std::unique_ptr<udp_socket> socket_;
    std::optional<ip_address> checking_;
    std::vector<route> routes_; // that the lease brought
};

} // namespace runnel::inline v0::stack
