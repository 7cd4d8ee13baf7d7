// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

#include <algorithm>
#include <cstdint>

namespace runnel::inline v0::stack {

/// The payload of a TCP segment without options in an IP packet of `mtu` bytes (RFC 6691).
[[nodiscard]] inline std::uint16_t segment_size_of(std::uint32_t mtu,
                                                   const ip_address& remote) noexcept {
    constexpr std::uint32_t tcp_header = 20;
    const std::uint32_t headers = tcp_header + (remote.is_v4() ? 20U : 40U);
    return static_cast<std::uint16_t>(std::clamp(mtu, headers + 1, 65'535U) - headers);
}

} // namespace runnel::inline v0::stack
