// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/network.hpp"

#include "network_core.hpp"

namespace runnel::inline v0::stack {
namespace {

/// Enough for the longest headers of IP and TCP in a packet that a link cuts, whose length is a
/// number of 16 bits.
constexpr std::uint32_t max_burst = 65'535 - 40 - 60;

} // namespace

network::network(const network_options& options, time_point now)
    : core_(std::make_unique<network_core>(options, now)) {}
network::~network() = default;

void network::set_tcp(tcp_upper* upper) noexcept {
    core_->tcp = upper;
}

std::uint32_t network::add_interface(std::unique_ptr<link> device, const interface_options& options,
                                     time_point now) {
    return core_->add_interface(std::move(device), options, now);
}

result<void> network::add_address(std::uint32_t interface, const ip_prefix& prefix,
                                  time_point now) {
    network_interface* const on = core_->interface(interface);
    if (on == nullptr) {
        return fail(errc::invalid_argument, "there is no such interface");
    }
    interface_address added;
    added.prefix = prefix;
    return core_->add_address(*on, added, false, now);
}

result<void> network::add_checked_address(std::uint32_t interface, const ip_prefix& prefix,
                                          time_point now) {
    network_interface* const on = core_->interface(interface);
    if (on == nullptr) {
        return fail(errc::invalid_argument, "there is no such interface");
    }
    interface_address added;
    added.prefix = prefix;
    added.automatic = true;
    return core_->add_address(*on, added, true, now);
}

bool network::remove_address(const ip_address& address, time_point now) {
    return core_->remove_address(address, now);
}

std::vector<address_info> network::addresses() const {
    std::vector<address_info> rows;
    for (const auto& each : core_->interfaces) {
        for (const interface_address& one : each->addresses) {
            rows.push_back({one.prefix, each->number, one.state, one.automatic});
        }
    }
    return rows;
}

void network::limit_mtu(std::uint32_t interface, std::uint32_t mtu) {
    network_interface* const on = core_->interface(interface);
    check(on != nullptr, "an MTU is of an interface");
    const std::uint32_t least = on->options.ipv6 ? 1280 : 576;
    if (mtu >= least && mtu < on->mtu) {
        on->mtu = mtu;
        ++core_->generation;
    }
}

result<void> network::add_route(const route& added) {
    if (core_->interface(added.interface) == nullptr ||
        (added.gateway && added.gateway->family() != added.destination.family())) {
        return fail(errc::invalid_argument,
                    "a route has an interface, and a gateway of its own family");
    }
    route whole = added;
    whole.destination = added.destination.network();
    if (core_->routes.list().size() >= route_table::capacity) {
        return fail(errc::limit_exceeded, "there are too many routes");
    }
    if (!core_->routes.add(whole)) {
        return fail(errc::address_in_use, "there is such a route already");
    }
    ++core_->generation;
    return {};
}

bool network::remove_route(const route& gone) {
    ++core_->generation;
    route whole = gone;
    whole.destination = gone.destination.network();
    return core_->routes.remove(whole);
}

std::span<const route> network::routes() const noexcept {
    return core_->routes.list();
}

std::vector<ip_address> network::advertised_name_servers() const {
    std::vector<ip_address> all;
    for (const auto& each : core_->interfaces) {
        for (const advertised& one : each->name_servers) {
            all.push_back(one.address);
        }
    }
    return all;
}

bool network::advises_dhcpv6(std::uint32_t interface) const {
    const network_interface* const on = core_->interface(interface);
    return on != nullptr && on->advises_dhcpv6;
}

void network::set_neighbour(std::uint32_t interface, const ip_address& address, mac_address mac) {
    network_interface* const on = core_->interface(interface);
    check(on != nullptr, "a neighbour is behind an interface");
    on->neighbours.set_permanent(address, mac);
}

std::vector<neighbour_info> network::neighbours(std::uint32_t interface) const {
    const network_interface* const on = core_->interface(interface);
    return on != nullptr ? on->neighbours.list() : std::vector<neighbour_info>();
}

const link& network::device(std::uint32_t interface) const {
    const network_interface* const on = core_->interface(interface);
    check(on != nullptr, "there is such an interface");
    return *on->device;
}

std::size_t network::interfaces() const noexcept {
    return core_->interfaces.size();
}

bool network::pump(time_point now) {
    return core_->pump(now);
}

time_point network::deadline() const noexcept {
    return core_->deadline();
}

void network::on_timer(time_point now) {
    core_->on_timer(now);
}

void network::on_change(link::ready_function function, void* context) noexcept {
    core_->changed = function;
    core_->changed_context = context;
}

void network::on_ready(link::ready_function function, void* context) noexcept {
    core_->ready = function;
    core_->ready_context = context;
}

void network::on_frame(void (*function)(void* context, std::uint32_t interface),
                       void* context) noexcept {
    core_->received = function;
    core_->received_context = context;
}

result<ip_address> network::source_for(const ip_address& remote) const {
    return core_->source_for(remote);
}

bool network::is_ours(const ip_address& address) const noexcept {
    return core_->is_ours(address);
}

tcp_way network::way(const ip_address& /*local*/, const ip_address& remote) const noexcept {
    tcp_way out;
    out.burst = max_burst;
    if (core_->is_ours(remote)) {
        out.mtu = core_->interfaces[0]->mtu;
    } else if (const route* const over = core_->routes.find(remote); over != nullptr) {
        out.mtu = core_->mtu_to(remote, core_->interfaces[over->interface]->mtu);
    }
    return out;
}

bool network::send(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment, time_point now) {
    return core_->send_tcp(key, hint, segment, now);
}

void network::flush(time_point now) {
    core_->flush(now);
}

void network::accept_any_destination(bool on) noexcept {
    core_->any_destination = on;
    ++core_->generation; // what was found right for the last packet may be no more
}

result<std::unique_ptr<udp_socket>> network::open_udp(const ip_endpoint& at,
                                                      const udp_options& options) {
    return core_->open_udp(at, options);
}

result<void> network::send_echo(const ip_address& to, std::uint16_t identifier,
                                std::uint16_t number, buffer payload, std::uint8_t hop_limit,
                                time_point now) {
    return core_->send_echo(to, identifier, number, std::move(payload), hop_limit, now);
}

void network::on_echo(void (*function)(void* context, echo_reply& reply), void* context) noexcept {
    core_->echo = function;
    core_->echo_context = context;
}

const network_counters& network::counters() const noexcept {
    return core_->counters;
}

} // namespace runnel::inline v0::stack
