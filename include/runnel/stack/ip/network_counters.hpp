// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace runnel::inline v0::stack {

/// Why the network did not use a frame or packet.
enum class network_drop : std::uint8_t {
    /// Shorter than its headers say.
    truncated,
    /// Neither ARP, IPv4 nor IPv6, or of another VLAN.
    unknown_frame,
    /// An Ethernet frame for another machine.
    other_machine,
    /// A header with numbers that cannot be.
    bad_header,
    bad_ip_checksum,
    bad_transport_checksum,
    /// From an address no packet may come from (RFC 1122 3.2.1.3), such as a group.
    bad_source,
    /// For an address that is not ours; nothing is forwarded.
    not_ours,
    /// No protocol for it here.
    unknown_protocol,
    /// No UDP socket.
    no_socket,
    /// The socket's queue was full.
    socket_full,
    /// A fragment that contradicts others, or is impossible.
    bad_fragment,
    /// The other fragments did not come in time, or there were too many.
    reassembly_given_up,
    bad_arp,
    bad_icmp,
    /// An ICMP error about nothing we sent.
    stray_icmp,
    bad_neighbour_message,
    /// A question about groups that no router may ask (RFC 3376 4.1, RFC 3810 6.2).
    bad_group_message,
    /// To be sent, but there is no way to the address.
    no_route,
    /// To be sent, but nobody on the link answers for the next hop.
    no_neighbour,
    /// To be sent, but too many already wait for the next hop to be found.
    neighbour_queue_full,
    /// To be sent whole, but larger than the path takes.
    too_big,
    /// To be sent, but the link is full.
    link_full,
};

inline constexpr std::size_t network_drop_count =
    static_cast<std::size_t>(network_drop::link_full) + 1;

/// A name for a reason, as in "bad_header".
[[nodiscard]] std::string_view name(network_drop reason) noexcept;

/// What a network did so far. Counters never go back.
struct network_counters {
    std::uint64_t packets_received = 0;
    std::uint64_t packets_sent = 0;
    /// Packets that were made part of one before them (GRO).
    std::uint64_t packets_merged = 0;
    std::uint64_t fragments_received = 0;
    std::uint64_t fragments_sent = 0;
    std::uint64_t reassembled = 0;
    std::uint64_t arp_received = 0;
    std::uint64_t arp_sent = 0;
    std::uint64_t icmp_received = 0;
    std::uint64_t icmp_sent = 0;
    std::uint64_t icmp_errors_received = 0;
    /// ICMP errors that were due, but above the limit (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)).
    std::uint64_t icmp_withheld = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_sent = 0;
    /// Messages of IGMP and MLD that told routers of groups.
    std::uint64_t group_reports_sent = 0;
    /// Others who use an address of ours (RFC 5227, RFC 4862 5.4.3).
    std::uint64_t address_conflicts = 0;
    std::array<std::uint64_t, network_drop_count> dropped{};

    void drop(network_drop reason) noexcept { ++dropped[static_cast<std::size_t>(reason)]; }
    [[nodiscard]] std::uint64_t drops(network_drop reason) const noexcept {
        return dropped[static_cast<std::size_t>(reason)];
    }
};

} // namespace runnel::inline v0::stack
