// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "group_reports.hpp"
#include "runnel/stack/ip/ip_wire.hpp"
#include "runnel/stack/ip/network.hpp"
#include "tcp_merger.hpp"
#include "token_limit.hpp"
#include "udp_table.hpp"

#include "runnel/core/random.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace runnel::inline v0::stack {

/// An address of an interface, with what it needs to live (RFC 4862 5.5).
struct interface_address {
    ip_prefix prefix;
    address_state state = address_state::preferred;
    bool automatic = false;
    time_point next_probe = never; // tentative: when it is asked for again, or is taken
    int probes_left = 0;
    time_point preferred_until = never;
    time_point valid_until = never;

    [[nodiscard]] bool in_use() const noexcept {
        return state == address_state::preferred || state == address_state::deprecated;
    }
};

/// Somebody of whom a router told, or who is one, for a time.
struct advertised {
    ip_address address;
    time_point until{};
};

/// A link and all that is known of it.
struct network_interface {
    std::uint32_t number = 0;
    interface_options options;
    std::unique_ptr<link> device;
    link_medium medium = link_medium::ethernet; // as the device says, and does not change
    mac_address mac;
    std::uint32_t mtu = 0;
    std::vector<interface_address> addresses;
    neighbour_table neighbours;
    frame_list out;
    bool blocked = false; // somebody was told that there is no room
    time_point defended{};
    // What routers said (ndp.cpp).
    int solicitations_left = 0;
    time_point next_solicitation = never;
    std::vector<advertised> routers;
    bool advises_dhcpv6 = false;
    std::vector<advertised> name_servers;
    group_reports groups_v4{secure_random_number()};
    group_reports groups_v6{secure_random_number()};

    [[nodiscard]] group_reports& groups(ip_family family) noexcept {
        return family == ip_family::v4 ? groups_v4 : groups_v6;
    }
    [[nodiscard]] bool is_ethernet() const noexcept { return medium == link_medium::ethernet; }
    /// An address of this family to speak from, if there is one.
    [[nodiscard]] const interface_address* any_address(ip_family family) const noexcept;
};

/// A packet that came. Its IP headers are still in front of it.
struct ip_packet {
    frame_ptr data;
    ip_header header;
    network_interface* in = nullptr;
    bool to_group = false; // a multicast group or everybody

    /// Drops the IP headers.
    void strip() noexcept { data->remove_prefix(header.header_size); }
    [[nodiscard]] std::size_t payload_size() const noexcept {
        return header.total_size - header.header_size;
    }
};

/// How to send to one address, kept from the last time.
struct cached_way {
    ip_address remote;
    std::uint32_t generation = 0; // of all routes and addresses
    std::uint32_t neighbour_generation = 0;
    network_interface* via = nullptr;
    ip_address next_hop;
    std::uint32_t mtu = 0;
    time_point until{}; // how long the Ethernet header is right
    std::uint8_t ethernet_size = 0;
    std::array<std::byte, ethernet_header_size + vlan_tag_size> ethernet{};
};

/// A path that takes less than its first link.
struct path_mtu {
    ip_address remote;
    std::uint32_t mtu = 0;
    time_point until{};
};

/// Whether the checksum of TCP or UDP is right in a packet that begins with its IP headers.
[[nodiscard]] bool transport_checksum_valid(frame& packet, const ip_header& ip) noexcept;

/// What `network` is inside; each part of it has a file of its own.
class network_core {
public:
    network_core(const network_options& how, time_point now);
    network_core(const network_core&) = delete;
    network_core& operator=(const network_core&) = delete;

    static constexpr std::size_t way_count = 1024;
    static constexpr std::size_t max_path_mtus = 256;
    static constexpr std::size_t max_pending_errors = 64;
    /// Frames that wait for a link to have room.
    static constexpr std::size_t max_out = 8192;

    // network_core.cpp: interfaces, addresses, routes
    std::uint32_t add_interface(std::unique_ptr<link> device, const interface_options& with,
                                time_point now);
    result<void> add_address(network_interface& on, const interface_address& added, bool check_v4,
                             time_point now);
    bool remove_address(const ip_address& address, time_point now);
    void refresh_addresses();
    [[nodiscard]] network_interface* interface(std::uint32_t number) noexcept;
    [[nodiscard]] bool is_ours(const ip_address& address) const noexcept;
    [[nodiscard]] result<ip_address> source_for(const ip_address& remote) const;
    void drop(network_drop why) noexcept { counters.drop(why); }
    void tell_ready() noexcept {
        if (ready != nullptr) {
            ready(ready_context);
        }
    }
    void tell_changed() noexcept {
        if (changed != nullptr) {
            changed(changed_context);
        }
    }

    // network_drive.cpp: bursts and time
    bool pump(time_point now);
    [[nodiscard]] time_point deadline() const noexcept;
    void on_timer(time_point now);
    void flush(time_point now);
    void deliver_pending(time_point now);

    // ip_input.cpp
    void receive_frame(network_interface& in, frame_ptr one, time_point now);
    void receive_ip(network_interface& in, frame_ptr one, bool v6, time_point now);
    void dispatch(ip_packet& packet, time_point now);
    void receive_fragment(ip_packet& packet, time_point now);
    void receive_tcp(ip_packet& packet, time_point now);
    [[nodiscard]] bool is_like_the_last(const ip_packet& packet) const noexcept;
    [[nodiscard]] bool is_for_us(const network_interface& in, ip_packet& packet) const noexcept;

    // ip_output.cpp
    [[nodiscard]] cached_way* find_way(const ip_address& remote);
    [[nodiscard]] bool resolve(cached_way& way, time_point now);
    void send_frame(cached_way& way, frame_ptr one, time_point now);
    bool send_packet(const ip_header& header, frame_ptr payload, network_interface* over,
                     time_point now);
    [[nodiscard]] static cached_way direct_way(network_interface& over, const ip_address& to);
    void send_fragments(cached_way& way, const ip_header& header, frame_ptr payload,
                        time_point now);
    void put(network_interface& over, frame_ptr one);
    void send_link_frame(network_interface& over, mac_address to, std::uint16_t type,
                         frame_ptr one);
    [[nodiscard]] std::uint32_t mtu_to(const ip_address& remote,
                                       std::uint32_t of_link) const noexcept;
    bool send_tcp(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment, time_point now);
    void prepend_tcp_network(frame& one, const ip_address& local, const ip_address& remote,
                             const tcp_segment& segment, std::uint32_t label) noexcept;
    void report_later(const tcp_icmp_error& what);
    void send_waiting(network_interface& over, frame_list waiting, mac_address mac);
    void report_lost(frame_list lost);

    // udp.cpp
    [[nodiscard]] result<std::unique_ptr<udp_socket>> open_udp(const ip_endpoint& at,
                                                               const udp_options& with);
    result<void> send_datagram(const ip_endpoint& from, const ip_endpoint& to,
                               const udp_options& with, buffer payload, time_point now);
    void receive_udp(ip_packet& packet, time_point now);

    // arp.cpp
    void receive_arp(network_interface& in, frame_ptr one, time_point now);
    void probe_ipv4(network_interface& on, interface_address& address, time_point now);
    void announce(network_interface& on, ipv4_address address);
    void ask_questions(network_interface& on, time_point now);

    // groups.cpp
    result<void> join_group(network_interface& on, const ip_address& group);
    void leave_group(network_interface& on, const ip_address& group);
    void on_group_timer(network_interface& on, time_point now);
    void receive_igmp(ip_packet& packet, time_point now);
    void receive_listener_query(const ip_packet& packet, std::span<const std::byte> message,
                                bool alert, time_point now);

    // icmp.cpp
    void receive_icmp(ip_packet& packet, time_point now);
    void receive_icmp_error(ip_packet& packet, std::uint8_t type, std::uint8_t code,
                            time_point now);
    void answer_echo(ip_packet& request, time_point now);
    void send_icmp_error(const ip_packet& about, std::uint8_t type, std::uint8_t code,
                         std::uint32_t extra, time_point now);
    void send_unreachable_port(const ip_packet& about, time_point now);
    void send_unreachable_protocol(const ip_packet& about, time_point now);
    void learn_path_mtu(const ip_address& remote, std::uint32_t mtu, time_point now);
    result<void> send_echo(const ip_address& to, std::uint16_t identifier, std::uint16_t number,
                           buffer payload, std::uint8_t hop_limit, time_point now);
    void send_icmp(const ip_header& header, frame_ptr message, network_interface* over,
                   time_point now);

    // ndp.cpp
    void receive_ndp(ip_packet& packet, std::uint8_t type, time_point now);
    void start_ipv6(network_interface& on, time_point now);
    void ask_neighbour(network_interface& on, const neighbour_table::question& about,
                       time_point now);
    void probe_address(network_interface& on, interface_address& address, time_point now);
    [[nodiscard]] time_point ndp_deadline(const network_interface& on) const noexcept;
    void on_ndp_timer(network_interface& on, time_point now);

    const network_options options;
    network_counters counters;
    std::vector<std::unique_ptr<network_interface>> interfaces;
    route_table routes;
    std::vector<ip_address> ours; // every address that packets are taken for
    tcp_upper* tcp = nullptr;
    bool any_destination = false;
    std::uint32_t generation = 1; // of routes, addresses and path MTUs
    // The addresses of the last packet that was for us.
    ip_address last_source;
    ip_address last_destination;
    std::uint32_t last_generation = 0;
    std::uint32_t last_in = 0;
    std::vector<cached_way> ways;
    std::vector<path_mtu> path_mtus;
    reassembly fragments;
    udp_table sockets;
    tcp_merger merger;
    token_limit icmp_limit;
    std::uint64_t way_secret;
    std::uint32_t identification = 0;
    std::vector<tcp_icmp_error> pending_errors;
    link::ready_function ready = nullptr;
    void* ready_context = nullptr;
    void (*received)(void* context, std::uint32_t interface) = nullptr;
    void* received_context = nullptr;
    link::ready_function changed = nullptr;
    void* changed_context = nullptr;
    void (*echo)(void* context, echo_reply& reply) = nullptr;
    void* echo_context = nullptr;

private:
    // ndp.cpp
    void receive_solicitation(ip_packet& packet, std::span<const std::byte> body, time_point now);
    void receive_advertisement(ip_packet& packet, std::span<const std::byte> body, time_point now);
    void receive_router(ip_packet& packet, std::span<const std::byte> body, time_point now);
    void take_router(network_interface& in, const ip_address& router, time_point until,
                     time_point now);
    void drop_routers(network_interface& in, time_point now);
    void take_name_servers(network_interface& in, std::span<const std::byte> option,
                           time_point now);
    void take_prefix(network_interface& in, std::span<const std::byte> option, time_point now);
    void send_ndp(network_interface& over, const ip_address& source, const ip_address& to,
                  std::span<const std::byte> body, mac_address mac, time_point now);
    // groups.cpp
    void send_group_message(network_interface& over, const ip_address& to,
                            std::vector<std::byte> message, time_point now);
    // arp.cpp
    [[nodiscard]] bool is_conflict(network_interface& in, const arp_message& message,
                                   time_point now);
    [[nodiscard]] bool answers_for(const network_interface& in, ipv4_address target) const noexcept;
};

} // namespace runnel::inline v0::stack
