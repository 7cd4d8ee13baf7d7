// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_prefix.hpp"
#include "runnel/stack/ip/neighbour_table.hpp"
#include "runnel/stack/ip/network_counters.hpp"
#include "runnel/stack/ip/reassembly.hpp"
#include "runnel/stack/ip/route_table.hpp"
#include "runnel/stack/ip/udp_socket.hpp"
#include "runnel/stack/link/link.hpp"
#include "runnel/stack/tcp_lower.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace runnel::inline v0::stack {

class network_core;

/// How a network behaves.
struct network_options {
    neighbour_limits neighbours;
    reassembly::limits fragments;
    std::uint8_t hop_limit = 64;
    bool answer_echo = true;
    /// ICMP errors a second, and how many of them at once.
    std::uint32_t icmp_rate = 1000;
    std::uint32_t icmp_burst = 50;
    /// Whether TCP packets that follow each other in a burst are handed up as one (GRO).
    bool merge = true;
    /// How long a smaller path MTU is believed (RFC 8201 4).
    duration path_mtu_lifetime = std::chrono::minutes(10);
};

/// How a network uses a link.
struct interface_options {
    std::string name = "link";
    /// Frames carry the tag of this VLAN (1 to 4094), and others are not ours.
    std::optional<std::uint16_t> vlan;
    /// Less than the link's MTU; 0 for that.
    std::uint32_t mtu = 0;
    /// Addresses of others for which ARP is answered in their place.
    std::vector<ip_prefix> proxy_arp;
    /// Whether it has a link-local address of IPv6, made from the MAC (RFC 4291 appendix A), and
    /// listens to what routers advertise (RFC 4862).
    bool ipv6 = true;
};

enum class address_state : std::uint8_t {
    tentative,  ///< asked whether somebody has it; not used yet (RFC 4862 5.4, RFC 5227 2.1)
    preferred,  ///< in use
    deprecated, ///< not for new connections
    duplicate,  ///< somebody else has it; not used
};

/// One address of ours, for people to read.
struct address_info {
    ip_prefix prefix;
    std::uint32_t interface = 0;
    address_state state{};
    /// From a router's advertisement or a DHCP server, and not set by hand.
    bool automatic = false;
};

/// The answer to an echo request (ping), or what came instead of it.
struct echo_reply {
    ip_address from;
    std::uint16_t identifier = 0;
    std::uint16_t number = 0;
    std::uint8_t hop_limit = 0;
    /// The type of the ICMP message: 0 (v4) and 129 (v6) are replies, others errors about the
    /// request.
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    buffer payload; ///< of a reply
    time_point arrived{};
};

/// Links with addresses, routes and neighbours: everything between frames and TCP, as a pure
/// machine. Frames, times and calls go in; frames leave over links, packets go up.
///
/// Interface 0 is the loopback, with 127.0.0.1/8 and ::1/128. What is sent to an address of ours
/// goes over it.
class network final : public tcp_lower {
public:
    network(const network_options& options, time_point now);
    ~network() override;

    // ---- setting up

    /// Whom TCP packets go to; null for nobody. It must outlive the network or be taken off.
    void set_tcp(tcp_upper* upper) noexcept;

    /// Takes a link in and gives the number of its interface.
    std::uint32_t add_interface(std::unique_ptr<link> device, const interface_options& options,
                                time_point now);

    /// Adds an address with the network it lies in, to which a route is added. IPv4: is announced
    /// (RFC 5227 2.3); IPv6: is tentative for a second. Errors: `invalid_argument` (no unicast
    /// address), `address_in_use` (it is ours already).
    result<void> add_address(std::uint32_t interface, const ip_prefix& prefix, time_point now);
    /// The same for an address that somebody else may have: IPv4 addresses of Ethernet, too, are
    /// tentative until nobody has answered for them for a while.
    result<void> add_checked_address(std::uint32_t interface, const ip_prefix& prefix,
                                     time_point now);
    /// False if it was not there. TCP is told.
    bool remove_address(const ip_address& address, time_point now);
    [[nodiscard]] std::vector<address_info> addresses() const;
    /// The link's MTU counts as at most this much, if at least 576, or 1280 with IPv6.
    void limit_mtu(std::uint32_t interface, std::uint32_t mtu);

    /// Errors: `invalid_argument` (no such interface, a gateway of the other family),
    /// `limit_exceeded`, `address_in_use` (there already).
    result<void> add_route(const route& added);
    bool remove_route(const route& gone);
    [[nodiscard]] std::span<const route> routes() const noexcept;

    /// The name servers that routers advertise (RFC 8106), while they do.
    [[nodiscard]] std::vector<ip_address> advertised_name_servers() const;

    /// Whether the last router that spoke on a link said that DHCPv6 knows more (RFC 4861 4.2).
    [[nodiscard]] bool advises_dhcpv6(std::uint32_t interface) const;

    /// A neighbour that is not asked for.
    void set_neighbour(std::uint32_t interface, const ip_address& address, mac_address mac);
    [[nodiscard]] std::vector<neighbour_info> neighbours(std::uint32_t interface) const;

    [[nodiscard]] const link& device(std::uint32_t interface) const;
    [[nodiscard]] std::size_t interfaces() const noexcept;

    // ---- driving

    /// Takes in a burst of each link, hands on what is in it, and sends what follows from that.
    /// True if there may be more at once.
    bool pump(time_point now);
    /// When `on_timer` is to be called; then `pump` as well.
    [[nodiscard]] time_point deadline() const noexcept;
    void on_timer(time_point now);
    /// Sets what is called when `pump` has something to do. It must not call the network in turn.
    void on_ready(link::ready_function function, void* context) noexcept;
    /// Sets what is called after each frame that came over a link was dealt with, for whoever looks
    /// at the counters meanwhile. It must not call the network in turn. Null for nothing.
    void on_frame(void (*function)(void* context, std::uint32_t interface), void* context) noexcept;
    /// Sets what is called when an address became usable, turned out to be a duplicate, or is gone,
    /// and when routers say something new of name servers or DHCPv6. It must not call the network
    /// in turn.
    void on_change(link::ready_function function, void* context) noexcept;

    // ---- TCP

    [[nodiscard]] result<ip_address> source_for(const ip_address& remote) const override;
    [[nodiscard]] bool is_ours(const ip_address& address) const noexcept override;
    [[nodiscard]] tcp_way way(const ip_address& local,
                              const ip_address& remote) const noexcept override;
    bool send(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment,
              time_point now) override;
    void flush(time_point now) override;
    void accept_any_destination(bool on) noexcept override;

    // ---- UDP

    /// Opens a UDP socket at an address of ours or any, and a port or (0) a free one. It must not
    /// outlive the network. Errors: `unreachable` (not an address of ours), `address_in_use`,
    /// `limit_exceeded` (no free port).
    [[nodiscard]] result<std::unique_ptr<udp_socket>> open_udp(const ip_endpoint& at,
                                                               const udp_options& options = {});

    // ---- ping

    /// Sends an echo request; `flush` sends it on. Errors: `unreachable`.
    result<void> send_echo(const ip_address& to, std::uint16_t identifier, std::uint16_t number,
                           buffer payload, std::uint8_t hop_limit, time_point now);
    /// Sets who gets replies to it and errors about it. Null for nobody.
    void on_echo(void (*function)(void* context, echo_reply& reply), void* context) noexcept;

    [[nodiscard]] const network_counters& counters() const noexcept;

private:
    std::unique_ptr<network_core> core_;
};

} // namespace runnel::inline v0::stack
