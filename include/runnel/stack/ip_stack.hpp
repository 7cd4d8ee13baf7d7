// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/stack/ip/network.hpp"
#include "runnel/stack/link/pcapng.hpp"
#include "runnel/stack/tcp_driver.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace runnel::inline v0::stack {

class dhcp_client;
class dhcp_driver;
class dhcpv6_driver;

/// A TCP/IP stack at work: a network and TCP above it, driven by the current loop. Links, addresses
/// and routes are added to `net()`; flows come from `connect` and `listen` with `tcp()`.
///
/// When it goes, its flows and listeners are told (`errc::aborted`), and its peers, too.
class ip_stack {
public:
    struct options {
        network_options network;
        tcp_layer::options tcp;
    };

    explicit ip_stack(const options& how);
    ip_stack() : ip_stack(options()) {}
    ip_stack(const ip_stack&) = delete;
    ip_stack& operator=(const ip_stack&) = delete;
    ~ip_stack();

    [[nodiscard]] network& net() noexcept { return network_; }
    [[nodiscard]] tcp_driver& tcp() noexcept { return driver_; }
    [[nodiscard]] time_point now() const noexcept { return driver_.now(); }

    /// To be called after the network was used directly: its next deadline may have changed.
    void arm() noexcept;

    /// Tells a link that is captured, which is below this interface, what was dropped of the frames
    /// that came over it, and why. For TCP that needs a network that does not merge packets.
    void explain(std::uint32_t interface, captured_link& link);

    /// Gets an address for an interface from a DHCP server and keeps it (RFC 2131), with the routes
    /// and name servers that come with it; `settled` waits for it. Errors: `invalid_argument` (no
    /// such interface, no Ethernet), `address_in_use`.
    result<void> start_dhcp(std::uint32_t interface);
    /// Gives the address back. Connections from it end as `unreachable`.
    void release_dhcp(std::uint32_t interface);
    /// How an interface's DHCP stands; null without.
    [[nodiscard]] const dhcp_client* dhcp(std::uint32_t interface) const noexcept;

    /// Asks DHCPv6 servers for name servers when the routers of an interface say so (RFC 8415 6.1).
    /// Errors: `invalid_argument` (no such interface, no Ethernet).
    result<void> start_dhcpv6(std::uint32_t interface);

    /// Waits until nothing is missing that was asked for: addresses that were added are known to be
    /// free or taken, and DHCP gave one. Errors: those of the stop that came first.
    [[nodiscard]] task<result<void>> settled();
    /// A name server to be asked before those that others tell.
    void add_name_server(const ip_address& server) { name_servers_.push_back(server); }
    /// The name servers that were added, that DHCP and DHCPv6 told, and that routers advertised,
    /// without repetition.
    [[nodiscard]] std::vector<ip_address> name_servers() const;

    /// Keeps something that uses the stack, and drops it before the stack goes.
    void keep(std::shared_ptr<void> user) { kept_.push_back(std::move(user)); }

private:
    friend class dhcp_driver;
    friend class dhcpv6_driver;
    struct wakeup final : timer {
        wakeup(ip_stack& owner, function fire) noexcept : timer(fire), stack(owner) {}
        ip_stack& stack;
    };
    void pump() noexcept;
    [[nodiscard]] bool is_settled() const;
    void announce_change() noexcept { changed_.set(); }

    network network_;
    tcp_layer layer_;
    tcp_driver driver_;
    wakeup pump_;
    wakeup timer_;
    std::unique_ptr<class drop_watch> drops_;
    std::vector<std::pair<std::uint32_t, captured_link*>> captured_;
    event changed_; // an address, or what DHCP knows
    std::vector<std::unique_ptr<dhcp_driver>> dhcp_;
    std::vector<std::unique_ptr<dhcpv6_driver>> dhcpv6_;
    std::vector<ip_address> name_servers_;
    std::vector<std::shared_ptr<void>> kept_;
};

} // namespace runnel::inline v0::stack
