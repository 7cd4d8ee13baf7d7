// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_prefix.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace runnel::inline v0::stack {

/// A way to a network: over a link, and maybe a router on it.
struct route {
    ip_prefix destination;
    /// Empty if the network is on the link itself.
    std::optional<ip_address> gateway;
    std::uint32_t interface = 0;
    /// Of two routes to the same network the one with the smaller number is taken.
    std::uint32_t metric = 0;
    friend bool operator==(const route&, const route&) noexcept = default;
};

/// Routes, of which the longest prefix wins.
class route_table {
public:
    /// A host has few routes, and a bound keeps what routers advertise from growing it.
    static constexpr std::size_t capacity = 256;

    /// False if there is no room, or the same route is there already.
    bool add(const route& added);
    /// False if there was none.
    bool remove(const route& gone);
    void remove_interface(std::uint32_t interface);

    /// The route to an address, or null.
    [[nodiscard]] const route* find(const ip_address& to) const noexcept;
    [[nodiscard]] std::span<const route> list() const noexcept { return routes_; }

private:
    std::vector<route> routes_; // the best first
};

} // namespace runnel::inline v0::stack
