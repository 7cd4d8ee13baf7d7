// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/address_selection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <tuple>
#include <vector>

namespace runnel::inline v0 {
namespace {

/// A row of the policy table: the addresses whose first `length` bits are those of `prefix`.
struct policy {
    ipv6_address prefix;
    unsigned length = 0;
    int precedence = 0;
    int label = 0;
};

/// RFC 6724, section 2.1; longer prefixes first, so that the first match is the right one.
constexpr std::array<policy, 9> policies{{
    {{0, 1}, 128, 50, 0},                    // ::1
    {{0, 0xFFFF'0000'0000}, 96, 35, 4},      // ::ffff:0:0/96, IPv4
    {{0, 0}, 96, 1, 3},                      // ::/96, IPv4-compatible
    {{0x2001'0000'0000'0000, 0}, 32, 5, 5},  // 2001::/32, Teredo
    {{0x2002'0000'0000'0000, 0}, 16, 30, 2}, // 2002::/16, 6to4
    {{0x3FFE'0000'0000'0000, 0}, 16, 1, 12}, // 3ffe::/16, 6bone
    {{0xFEC0'0000'0000'0000, 0}, 10, 1, 11}, // fec0::/10, site-local
    {{0xFC00'0000'0000'0000, 0}, 7, 3, 13},  // fc00::/7, unique local
    {{0, 0}, 0, 40, 1},                      // everything else
}};

unsigned common_prefix(const ipv6_address& a, const ipv6_address& b) noexcept {
    const auto upper = static_cast<unsigned>(std::countl_zero(a.upper() ^ b.upper()));
    return upper < 64 ? upper : 64 + static_cast<unsigned>(std::countl_zero(a.lower() ^ b.lower()));
}

const policy& policy_of(const ip_address& address) noexcept {
    return *std::ranges::find_if(policies, [&](const policy& row) {
        return common_prefix(row.prefix, address.to_v6()) >= row.length;
    });
}

/// Scopes as in multicast addresses (RFC 6724, sections 3.1 and 3.2; RFC 7346).
namespace scope {
constexpr int link_local = 0x2;
constexpr int site_local = 0x5;
constexpr int global = 0xE;
} // namespace scope

int scope_of(const ip_address& any) noexcept {
    const ip_address address = any.unmapped();
    if (address.is_v6() && address.is_multicast()) {
        return std::to_integer<int>(address.v6().bytes()[1] & std::byte{0x0F});
    }
    if (address.is_loopback() || address.is_link_local()) {
        return scope::link_local;
    }
    const bool is_site_local = address.is_v6() && address.v6().upper() >> 54U == 0xFEC0U >> 6U;
    return is_site_local ? scope::site_local : scope::global;
}

/// What the rules compare, the most important first; the smaller comes first.
auto rank(const destination& to) noexcept {
    constexpr unsigned longest_compared = 64;
    const ip_address& address = to.endpoint.address();
    const policy& row = policy_of(address);
    bool other_scope = false;
    bool other_label = false;
    int common = 0;
    if (to.source) {
        other_scope = scope_of(*to.source) != scope_of(address);
        other_label = policy_of(*to.source).label != row.label;
        if (address.is_v6() && to.source->is_v6()) {
            common = static_cast<int>(
                std::min(common_prefix(address.v6(), to.source->v6()), longest_compared));
        }
    }
    return std::tuple(to.unreachable, other_scope, other_label, -row.precedence, scope_of(address),
                      -common);
}

} // namespace

void sort_destinations(std::span<destination> destinations) {
    struct ranked {
        decltype(rank(destination())) key;
        std::size_t index;
    };
    std::vector<ranked> order;
    for (const destination& each : destinations) {
        order.push_back({rank(each), order.size()});
    }
    std::ranges::sort(order, [](const ranked& a, const ranked& b) {
        return std::tie(a.key, a.index) < std::tie(b.key, b.index);
    });
    const std::vector<destination> before(destinations.begin(), destinations.end());
    std::ranges::transform(order, destinations.begin(),
                           [&](const ranked& each) { return before[each.index]; });
}

} // namespace runnel::inline v0
