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
inline constexpr std::uint8_t router_solicitation = 133;
inline constexpr std::uint8_t router_advertisement = 134;
inline constexpr std::uint8_t neighbour_solicitation = 135;
inline constexpr std::uint8_t neighbour_advertisement = 136;
} // namespace icmpv6_type

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
