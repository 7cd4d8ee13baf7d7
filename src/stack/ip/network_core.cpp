// SPDX-License-Identifier: Apache-2.0
#include "network_core.hpp"
#include "icmp.hpp"

#include "runnel/core/random.hpp"
#include "runnel/stack/link/memory_link.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

bool is_unicast(const ip_address& address) noexcept {
    return !address.is_unspecified() && !address.is_multicast() &&
           !(address.is_v4() && address.v4().is_broadcast());
}

unsigned common_bits(const ip_address& a, const ip_address& b) noexcept {
    for (unsigned length = a.width(); length > 0; --length) {
        if (ip_prefix(a, length).contains(b)) {
            return length;
        }
    }
    return 0;
}

} // namespace

const interface_address* network_interface::any_address(ip_family family) const noexcept {
    const interface_address* best = nullptr;
    for (const interface_address& one : addresses) {
        if (one.prefix.family() == family && one.in_use() &&
            (best == nullptr || best->state == address_state::deprecated)) {
            best = &one;
        }
    }
    return best;
}

network_core::network_core(const network_options& how, time_point now)
    : options(how), ways(way_count), fragments(how.fragments),
      icmp_limit(how.icmp_rate, how.icmp_burst), way_secret(secure_random_number()),
      identification(static_cast<std::uint32_t>(secure_random_number())) {
    interface_options loopback;
    loopback.name = "loopback";
    loopback.ipv6 = false;
    add_interface(make_loopback_link(), loopback, now);
    interface_address v4;
    v4.prefix = ip_prefix(ipv4_address::loopback(), 8);
    interface_address v6;
    v6.prefix = ip_prefix(ip_address(ipv6_address::loopback()));
    interfaces[0]->addresses = {v4, v6};
    refresh_addresses();
    routes.add({v4.prefix.network(), std::nullopt, 0, 0});
}

std::uint32_t network_core::add_interface(std::unique_ptr<link> device,
                                          const interface_options& with, time_point now) {
    auto added = std::make_unique<network_interface>();
    added->number = static_cast<std::uint32_t>(interfaces.size());
    added->options = with;
    added->device = std::move(device);
    added->neighbours = neighbour_table(options.neighbours);
    added->medium = added->device->properties().medium;
    added->mac = added->device->properties().mac;
    const std::uint32_t of_link = added->device->properties().mtu;
    added->mtu = with.mtu != 0 ? std::min(with.mtu, of_link) : of_link;
    added->device->on_ready(
        [](void* self) noexcept { static_cast<network_core*>(self)->tell_ready(); }, this);
    interfaces.push_back(std::move(added));
    ++generation;
    if (with.ipv6 && interfaces.back()->mtu >= 1280) {
        start_ipv6(*interfaces.back(), now);
    }
    return interfaces.back()->number;
}

result<void> network_core::add_address(network_interface& on, const interface_address& added,
                                       bool check_v4, time_point now) {
    const ip_address& address = added.prefix.address();
    if (!is_unicast(address)) {
        return fail(errc::invalid_argument,
                    "the address of an interface is a unicast address, and " + address.to_string() +
                        " is none");
    }
    for (const auto& each : interfaces) {
        for (const interface_address& one : each->addresses) {
            if (one.prefix.address() == address) {
                return fail(errc::address_in_use, address.to_string() + " is ours already");
            }
        }
    }
    on.addresses.push_back(added);
    interface_address& mine = on.addresses.back();
    routes.add({mine.prefix.network(), std::nullopt, on.number, 0});
    if (address.is_v6() && on.is_ethernet()) {
        // Before it is asked about, so that switches bring the answer (RFC 4862 5.4.2).
        (void)join_group(on, solicited_node(address.v6()));
        probe_address(on, mine, now);
    } else if (address.is_v4() && on.is_ethernet() && check_v4) {
        probe_ipv4(on, mine, now);
    } else if (address.is_v4() && on.is_ethernet()) {
        announce(on, address.v4());
    }
    refresh_addresses();
    tell_ready();
    return {};
}

bool network_core::remove_address(const ip_address& address, time_point now) {
    for (const auto& each : interfaces) {
        const auto found = std::ranges::find_if(
            each->addresses, [&](const auto& one) { return one.prefix.address() == address; });
        if (found == each->addresses.end()) {
            continue;
        }
        const ip_prefix network = found->prefix.network();
        const bool used = found->in_use();
        if (address.is_v6() && each->is_ethernet()) {
            leave_group(*each, solicited_node(address.v6()));
        }
        each->addresses.erase(found);
        const bool shared = std::ranges::any_of(
            each->addresses, [&](const auto& one) { return one.prefix.network() == network; });
        if (!shared) {
            routes.remove({network, std::nullopt, each->number, 0});
        }
        refresh_addresses();
        if (used && tcp != nullptr) {
            tcp->on_address_removed(address, now);
        }
        return true;
    }
    return false;
}

void network_core::refresh_addresses() {
    ours.clear();
    for (const auto& each : interfaces) {
        for (const interface_address& one : each->addresses) {
            if (one.in_use()) {
                ours.push_back(one.prefix.address());
            }
        }
    }
    ++generation;
    tell_changed();
}

network_interface* network_core::interface(std::uint32_t number) noexcept {
    return number < interfaces.size() ? interfaces[number].get() : nullptr;
}

bool network_core::is_ours(const ip_address& address) const noexcept {
    if (address.is_v4() && address.v4().is_loopback()) {
        return true;
    }
    return std::ranges::find(ours, address) != ours.end();
}

/// RFC 6724 5, as far as a host with few addresses needs it: the address itself, then one of the
/// same scope, not deprecated, on the outgoing link, with the longest common prefix.
result<ip_address> network_core::source_for(const ip_address& remote) const {
    if (is_ours(remote)) {
        return remote;
    }
    const route* const way = routes.find(remote);
    if (way == nullptr) {
        return fail(errc::unreachable, "no route to " + remote.to_string());
    }
    const ip_address& towards = way->gateway ? *way->gateway : remote;
    const interface_address* best = nullptr;
    unsigned best_score = 0;
    for (const auto& each : interfaces) {
        for (const interface_address& one : each->addresses) {
            const ip_address& mine = one.prefix.address();
            const bool same_scope = mine.is_link_local() == remote.is_link_local();
            if (mine.family() != remote.family() || !one.in_use() || mine.is_loopback() ||
                (mine.is_v6() && mine.is_link_local() && !remote.is_link_local())) {
                continue;
            }
            const unsigned score =
                1U + (each->number == way->interface ? 4096U : 0U) + (same_scope ? 2048U : 0U) +
                (one.state == address_state::preferred ? 1024U : 0U) +
                (one.prefix.contains(towards) ? 512U : 0U) + common_bits(mine, remote);
            if (score > best_score) {
                best_score = score;
                best = &one;
            }
        }
    }
    if (best == nullptr) {
        return fail(errc::unreachable,
                    "no address of ours from which to reach " + remote.to_string());
    }
    return best->prefix.address();
}

} // namespace runnel::inline v0::stack
