// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_endpoint.hpp"
#include "runnel/core/siphash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0::stack {

/// The four numbers a connection is known by. IPv4 addresses stand in the mapped form of IPv6.
struct tcp_key {
    std::array<std::byte, 16> local{};
    std::array<std::byte, 16> remote{};
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;

    tcp_key() noexcept = default;
    tcp_key(const ip_endpoint& here, const ip_endpoint& there) noexcept;

    [[nodiscard]] ip_endpoint here() const noexcept;
    [[nodiscard]] ip_endpoint there() const noexcept;

    /// Keyed, because strangers choose what is in it.
    [[nodiscard]] std::uint64_t hash(const siphash_key& secret) const noexcept {
        return siphash(secret, std::as_bytes(std::span(this, 1)));
    }
    friend bool operator==(const tcp_key&, const tcp_key&) noexcept = default;
};
static_assert(sizeof(tcp_key) == 36, "a key has no padding: it is hashed as bytes");

} // namespace runnel::inline v0::stack
