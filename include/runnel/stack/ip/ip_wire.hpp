// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/ip/network_counters.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

/// The headers of Ethernet, ARP and IP as values. Parsers take bytes of strangers: they give a
/// reason where something is wrong, and never look behind the end.
namespace runnel::inline v0::stack {

namespace ether_type {
inline constexpr std::uint16_t ipv4 = 0x0800;
inline constexpr std::uint16_t arp = 0x0806;
inline constexpr std::uint16_t vlan = 0x8100;
inline constexpr std::uint16_t ipv6 = 0x86dd;
} // namespace ether_type

/// Numbers of protocols in IP, and of headers that may stand in front of them in IPv6.
namespace ip_protocol {
inline constexpr std::uint8_t hop_by_hop = 0;
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t igmp = 2;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t routing = 43;
inline constexpr std::uint8_t fragment = 44;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t none = 59;
inline constexpr std::uint8_t destination_options = 60;
} // namespace ip_protocol

inline constexpr std::size_t ethernet_header_size = 14;
inline constexpr std::size_t vlan_tag_size = 4;
inline constexpr std::size_t ipv4_header_size = 20;
inline constexpr std::size_t ipv6_header_size = 40;
inline constexpr std::size_t ipv6_fragment_size = 8;
inline constexpr std::size_t arp_size = 28;

/// Congestion experienced, in the lower two bits of the traffic class (RFC 3168 5).
inline constexpr std::uint8_t ecn_mask = 3;
inline constexpr std::uint8_t ecn_capable = 2;
inline constexpr std::uint8_t ecn_experienced = 3;

struct ethernet_header {
    mac_address destination;
    mac_address source;
    std::uint16_t type = 0;
    std::optional<std::uint16_t> vlan; ///< 1 to 4094
    std::size_t size = ethernet_header_size;
};

/// Reads an Ethernet header with at most one VLAN tag, whose number 0 means none (IEEE 802.1Q 9.6).
[[nodiscard]] std::expected<ethernet_header, network_drop>
parse_ethernet(std::span<const std::byte> bytes) noexcept;
/// Writes `header`, which takes 14 bytes or 18 with a VLAN, and gives how many it were.
std::size_t write_ethernet(const ethernet_header& header, std::span<std::byte> out) noexcept;

/// An ARP message for IPv4 on Ethernet (RFC 826).
struct arp_message {
    enum class kind : std::uint16_t { request = 1, reply = 2 };
    kind what = kind::request;
    mac_address sender_mac;
    ipv4_address sender;
    mac_address target_mac;
    ipv4_address target;
    friend bool operator==(const arp_message&, const arp_message&) noexcept = default;
};
[[nodiscard]] std::expected<arp_message, network_drop>
parse_arp(std::span<const std::byte> bytes) noexcept;
void write_arp(const arp_message& message, std::span<std::byte, arp_size> out) noexcept;

/// What both IP headers say, and where their payload is.
struct ip_header {
    ip_address source;
    ip_address destination;
    std::uint8_t traffic_class = 0;
    std::uint8_t hop_limit = 64;
    std::uint8_t protocol = 0;
    std::size_t header_size = 0; ///< of all IP headers in front of the payload
    std::size_t total_size = 0;  ///< of the packet; what follows is padding

    // Fragmentation. `fragment_offset` is in bytes.
    std::uint32_t identification = 0;
    std::uint32_t fragment_offset = 0;
    bool more_fragments = false;
    bool dont_fragment = false;
    /// IPv6: what stands in front of the fragment header, 0 where there is none, and the place of
    /// the byte that says that it follows.
    std::size_t unfragmentable_size = 0;
    std::size_t next_header_place = 0;

    [[nodiscard]] bool is_fragment() const noexcept {
        return fragment_offset != 0 || more_fragments;
    }
    [[nodiscard]] bool congestion_marked() const noexcept {
        return (traffic_class & ecn_mask) == ecn_experienced;
    }
};

/// Reads an IPv4 header (RFC 791 3.1) and verifies its checksum. Options are skipped. `bytes` is
/// the beginning of a packet, at least its header; `available` how much there is of it. `out` is
/// filled in place, because this is done for every packet and a copy is not free.
[[nodiscard]] std::expected<void, network_drop>
parse_ipv4(std::span<const std::byte> bytes, std::size_t available, ip_header& out) noexcept;

/// Reads an IPv6 header and those that may follow it (RFC 8200 4), at most eight of them and at
/// most as far as `bytes` goes. Options that are unknown are skipped or refused as their numbers
/// say (4.2). A packet of which only fragments came ends at its fragment header.
[[nodiscard]] std::expected<void, network_drop>
parse_ipv6(std::span<const std::byte> bytes, std::size_t available, ip_header& out) noexcept;

/// Writes an IPv4 header without options, with its checksum. `payload` is the size of what follows.
void write_ipv4(const ip_header& header, std::size_t payload,
                std::span<std::byte, ipv4_header_size> out) noexcept;
/// Writes an IPv6 header that the payload follows directly.
void write_ipv6(const ip_header& header, std::uint32_t flow_label, std::size_t payload,
                std::span<std::byte, ipv6_header_size> out) noexcept;

} // namespace runnel::inline v0::stack
