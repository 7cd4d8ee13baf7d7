// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace runnel::inline v0::stack {

inline constexpr std::size_t icmp_header_size = 8;

namespace icmp_type {
inline constexpr std::uint8_t echo_reply = 0;
inline constexpr std::uint8_t unreachable = 3;
inline constexpr std::uint8_t echo_request = 8;
} // namespace icmp_type

namespace icmpv6_type {
inline constexpr std::uint8_t unreachable = 1;
inline constexpr std::uint8_t too_big = 2;
inline constexpr std::uint8_t parameter_problem = 4;
inline constexpr std::uint8_t echo_request = 128;
inline constexpr std::uint8_t echo_reply = 129;
inline constexpr std::uint8_t listener_query = 130;
inline constexpr std::uint8_t listener_report = 131;
inline constexpr std::uint8_t listener_done = 132;
inline constexpr std::uint8_t router_solicitation = 133;
inline constexpr std::uint8_t router_advertisement = 134;
inline constexpr std::uint8_t neighbour_solicitation = 135;
inline constexpr std::uint8_t neighbour_advertisement = 136;
inline constexpr std::uint8_t listener_report_v2 = 143;
} // namespace icmpv6_type

/// The group that listens for whoever looks for an address (RFC 4291 2.7.1).
[[nodiscard]] constexpr ipv6_address solicited_node(const ipv6_address& target) noexcept {
    return {0xff02'0000'0000'0000, 0x1'ff00'0000U | (target.lower() & 0xff'ffffU)};
}

/// Whether the headers of an IPv6 packet have the option that makes routers look at it (RFC 2711).
[[nodiscard]] bool has_router_alert(std::span<const std::byte> ipv6) noexcept;

/// What an ICMP error quotes of the packet it is about: its addresses and the first eight bytes
/// behind its IP header.
struct quoted_packet {
    ip_address source;
    ip_address destination;
    std::uint8_t protocol = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t number = 0; ///< the sequence number of TCP; id and sequence of an echo
};
[[nodiscard]] std::optional<quoted_packet> parse_quoted(std::span<const std::byte> bytes,
                                                        bool v6) noexcept;

} // namespace runnel::inline v0::stack
