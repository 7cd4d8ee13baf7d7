// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/route_table.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

bool route_table::add(const route& added) {
    if (routes_.size() >= capacity || std::ranges::find(routes_, added) != routes_.end()) {
        return false;
    }
    const auto better = [](const route& a, const route& b) {
        const unsigned length_a = a.destination.length();
        const unsigned length_b = b.destination.length();
        return length_a != length_b ? length_a > length_b : a.metric < b.metric;
    };
    routes_.insert(std::upper_bound(routes_.begin(), routes_.end(), added, better), added);
    return true;
}

bool route_table::remove(const route& gone) {
    return std::erase(routes_, gone) != 0;
}

void route_table::remove_interface(std::uint32_t interface) {
    std::erase_if(routes_, [&](const route& one) { return one.interface == interface; });
}

const route* route_table::find(const ip_address& to) const noexcept {
    const auto found = std::ranges::find_if(
        routes_, [&](const route& one) { return one.destination.contains(to); });
    return found != routes_.end() ? &*found : nullptr;
}

} // namespace runnel::inline v0::stack
