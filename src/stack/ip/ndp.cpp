// SPDX-License-Identifier: Apache-2.0
// Neighbour discovery (RFC 4861) and stateless configuration (RFC 4862), as a host does them.
#include "icmp.hpp"
#include "network_core.hpp"
#include "runnel/core/checksum.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0::stack {
namespace {

constexpr duration retransmit = std::chrono::seconds(1);       // RETRANS_TIMER
constexpr duration solicitation_gap = std::chrono::seconds(4); // RTR_SOLICITATION_INTERVAL
constexpr int solicitations = 3;                               // MAX_RTR_SOLICITATIONS
constexpr std::uint32_t two_hours = 7200;                      // RFC 4862 5.5.3 (e)
constexpr std::size_t max_automatic = 16; // addresses, whatever routers advertise
constexpr std::size_t max_routers = 8;
constexpr std::size_t max_name_servers = 8;
constexpr std::uint32_t router_metric = 1024;
constexpr std::uint8_t option_source_mac = 1;
constexpr std::uint8_t option_target_mac = 2;
constexpr std::uint8_t option_prefix = 3;
constexpr std::uint8_t option_mtu = 5;
constexpr std::uint8_t option_name_servers = 25; // RFC 8106 5.1
constexpr std::size_t mac_option_size = 8;

/// The modified EUI-64 of a MAC (RFC 4291 appendix A).
std::uint64_t interface_identifier(mac_address mac) noexcept {
    std::array<std::byte, 8> id{};
    const auto& bytes = mac.bytes();
    std::memcpy(id.data(), bytes.data(), 3);
    id[0] ^= std::byte{2};
    id[3] = std::byte{0xff};
    id[4] = std::byte{0xfe};
    std::memcpy(id.data() + 5, bytes.data() + 3, 3);
    return load_be64(id.data());
}

/// Calls `function(kind, option)` for each option. False if their lengths are impossible (RFC 4861
/// 4.6: a length of 0 makes the whole message invalid).
template <class Function>
bool for_each_option(std::span<const std::byte> options, Function function) {
    while (!options.empty()) {
        if (options.size() < 2) {
            return false;
        }
        const std::size_t size = std::to_integer<std::size_t>(options[1]) * 8;
        if (size == 0 || size > options.size()) {
            return false;
        }
        function(std::to_integer<std::uint8_t>(options[0]), options.first(size));
        options = options.subspan(size);
    }
    return true;
}

/// What options say of where somebody is. Nothing if they are malformed or there is none.
struct mac_option {
    bool valid = false;
    std::optional<mac_address> mac;
};
mac_option find_mac(std::span<const std::byte> options, std::uint8_t wanted) {
    mac_option out;
    out.valid = for_each_option(options, [&](std::uint8_t kind, std::span<const std::byte> one) {
        if (kind == wanted && one.size() == mac_option_size) {
            out.mac = mac_address(one.subspan<2, 6>());
        }
    });
    if (out.mac && (out.mac->is_multicast() || out.mac->is_unspecified())) {
        out.valid = false;
    }
    return out;
}

time_point after_seconds(time_point now, std::uint32_t seconds) noexcept {
    return seconds == 0xffff'ffff ? never : now + std::chrono::seconds(seconds);
}

/// Replaces what is known of somebody. False if there is no room for one more.
bool update(std::vector<advertised>& list, const advertised& one, std::size_t capacity,
            time_point now) {
    const auto known = std::ranges::find(list, one.address, &advertised::address);
    if (known != list.end()) {
        *known = one;
    } else if (one.until <= now || list.size() >= capacity) {
        return false;
    } else {
        list.push_back(one);
    }
    return true;
}

} // namespace

void network_core::start_ipv6(network_interface& on, time_point now) {
    if (!on.is_ethernet()) {
        return;
    }
    const ipv6_address mine(0xfe80'0000'0000'0000, interface_identifier(on.mac));
    interface_address link_local;
    link_local.prefix = ip_prefix(mine, 64);
    link_local.automatic = true;
    // A second interface has its own link-local network, to which no route leads without a scope.
    (void)add_address(on, link_local, false, now);
    routes.add({ip_prefix(ipv6_address(0xff00'0000'0000'0000, 0), 8), std::nullopt, on.number, 0});
    on.solicitations_left = solicitations;
    on.next_solicitation = now + retransmit;
}

/// Begins to ask whether somebody has an address already (RFC 4862 5.4).
void network_core::probe_address(network_interface& on, interface_address& address,
                                 time_point now) {
    address.state = address_state::tentative;
    address.probes_left = 0;
    address.next_probe = now + retransmit;
    std::array<std::byte, 24> body{};
    body[0] = std::byte{icmpv6_type::neighbour_solicitation};
    const ipv6_address target = address.prefix.address().v6();
    std::memcpy(body.data() + 8, target.bytes().data(), 16);
    const ipv6_address group = solicited_node(target);
    send_ndp(on, ipv6_address::any(), group, body, mac_address(), now);
    tell_ready();
}

/// Sends a message of NDP, with the option that says where the sender is behind the body unless
/// `mac` is unspecified: of the source in solicitations, of the target in advertisements.
void network_core::send_ndp(network_interface& over, const ip_address& source, const ip_address& to,
                            std::span<const std::byte> body, mac_address mac, time_point now) {
    frame_ptr message = frame::make();
    std::memcpy(message->append(body.size()), body.data(), body.size());
    if (!mac.is_unspecified()) {
        std::byte* const option = message->append(mac_option_size);
        const bool advertises = body[0] == std::byte{icmpv6_type::neighbour_advertisement};
        option[0] = std::byte{advertises ? option_target_mac : option_source_mac};
        option[1] = std::byte{1};
        std::memcpy(option + 2, mac.bytes().data(), 6);
    }
    ip_header header;
    header.source = source;
    header.destination = to;
    header.hop_limit = 255;
    header.protocol = ip_protocol::icmpv6;
    send_icmp(header, std::move(message), &over, now);
}

void network_core::ask_neighbour(network_interface& on, const neighbour_table::question& about,
                                 time_point now) {
    const interface_address* const mine = on.any_address(ip_family::v6);
    if (mine == nullptr) {
        return;
    }
    std::array<std::byte, 24> body{};
    body[0] = std::byte{icmpv6_type::neighbour_solicitation};
    std::memcpy(body.data() + 8, about.target.v6().bytes().data(), 16);
    const ip_address group = solicited_node(about.target.v6());
    // A unicast probe is sent as one; its Ethernet address is what the table still believes.
    send_ndp(on, mine->prefix.address(), about.to ? about.target : group, body, on.mac, now);
}

void network_core::receive_ndp(ip_packet& packet, std::uint8_t type, time_point now) {
    // From this link, or not at all (RFC 4861 6.1, 7.1).
    std::array<std::byte, frame::max_front> copy{};
    const std::size_t size = packet.data->size();
    if (packet.header.hop_limit != 255 || size > copy.size() || !packet.in->is_ethernet()) {
        drop(network_drop::bad_neighbour_message);
        return;
    }
    packet.data->copy_out(0, std::span(copy).first(size));
    const std::span<const std::byte> body = std::span(copy).first(size);
    if (body[1] != std::byte{0}) {
        drop(network_drop::bad_neighbour_message);
        return;
    }
    switch (type) {
    case icmpv6_type::neighbour_solicitation:
        receive_solicitation(packet, body, now);
        return;
    case icmpv6_type::neighbour_advertisement:
        receive_advertisement(packet, body, now);
        return;
    case icmpv6_type::router_advertisement:
        receive_router(packet, body, now);
        return;
    default:
        return; // solicitations of routers are not for hosts
    }
}

void network_core::receive_solicitation(ip_packet& packet, std::span<const std::byte> body,
                                        time_point now) {
    network_interface& in = *packet.in;
    const bool probing = packet.header.source.is_unspecified();
    const mac_option where =
        body.size() >= 24 ? find_mac(body.subspan(24), option_source_mac) : mac_option();
    const ip_address target =
        body.size() >= 24 ? ip_address(ipv6_address(body.subspan<8, 16>())) : ip_address();
    if (!where.valid || target.is_multicast() || (probing && where.mac)) {
        drop(network_drop::bad_neighbour_message);
        return;
    }
    const auto mine = std::ranges::find_if(
        in.addresses, [&](const interface_address& one) { return one.prefix.address() == target; });
    if (mine == in.addresses.end() || mine->state == address_state::duplicate) {
        return;
    }
    if (mine->state == address_state::tentative) {
        if (probing) { // somebody else wants it, too (RFC 4862 5.4.3)
            mine->state = address_state::duplicate;
            mine->next_probe = never;
            ++counters.address_conflicts;
            tell_changed();
        }
        return;
    }
    if (!probing && where.mac) {
        send_waiting(in,
                     in.neighbours.learn(packet.header.source, *where.mac, false, true, true, now),
                     *where.mac);
    }
    std::array<std::byte, 24> answer{};
    answer[0] = std::byte{icmpv6_type::neighbour_advertisement};
    answer[4] = std::byte{static_cast<std::uint8_t>(probing ? 0x20 : 0x60)}; // override, solicited
    std::memcpy(answer.data() + 8, body.data() + 8, 16);
    send_ndp(in, target, probing ? ip_address(ipv6_address::all_nodes()) : packet.header.source,
             answer, in.mac, now);
}

void network_core::receive_advertisement(ip_packet& packet, std::span<const std::byte> body,
                                         time_point now) {
    network_interface& in = *packet.in;
    const mac_option where =
        body.size() >= 24 ? find_mac(body.subspan(24), option_target_mac) : mac_option();
    const bool solicited = body.size() >= 24 && (body[4] & std::byte{0x40}) != std::byte{0};
    if (!where.valid || (packet.to_group && solicited)) {
        drop(network_drop::bad_neighbour_message);
        return;
    }
    const ip_address target = ipv6_address(body.subspan<8, 16>());
    const auto mine = std::ranges::find_if(
        in.addresses, [&](const interface_address& one) { return one.prefix.address() == target; });
    if (mine != in.addresses.end()) {
        ++counters.address_conflicts;
        if (mine->state == address_state::tentative) {
            mine->state = address_state::duplicate;
            mine->next_probe = never;
            tell_changed();
        }
        return;
    }
    if (where.mac) {
        const bool override = (body[4] & std::byte{0x20}) != std::byte{0};
        send_waiting(in, in.neighbours.learn(target, *where.mac, solicited, override, false, now),
                     *where.mac);
    }
}

void network_core::receive_router(ip_packet& packet, std::span<const std::byte> body,
                                  time_point now) {
    network_interface& in = *packet.in;
    const ip_address& router = packet.header.source;
    const mac_option where =
        body.size() >= 16 ? find_mac(body.subspan(16), option_source_mac) : mac_option();
    if (!where.valid || !router.is_link_local() || !in.options.ipv6) {
        drop(network_drop::bad_neighbour_message);
        return;
    }
    in.next_solicitation = never;
    if (where.mac) {
        send_waiting(in, in.neighbours.learn(router, *where.mac, false, true, true, now),
                     *where.mac);
    }
    // Managed addresses mean that the rest is there, too.
    const bool advises = (body[5] & std::byte{0xc0}) != std::byte{0};
    if (std::exchange(in.advises_dhcpv6, advises) != advises) {
        tell_changed();
    }
    take_router(in, router, now + std::chrono::seconds(load_be16(body.data() + 6)), now);
    for_each_option(body.subspan(16), [&](std::uint8_t kind, std::span<const std::byte> option) {
        if (kind == option_prefix && option.size() == 32) {
            take_prefix(in, option, now);
        } else if (kind == option_name_servers && option.size() >= 24) {
            take_name_servers(in, option, now);
        } else if (kind == option_mtu && option.size() == 8) {
            const std::uint32_t mtu = load_be32(option.data() + 4);
            if (mtu >= 1280 && mtu < in.mtu) {
                in.mtu = mtu;
                ++generation;
            }
        }
    });
}

/// A router that may be used until a moment (RFC 4861 6.3.4).
void network_core::take_router(network_interface& in, const ip_address& router, time_point until,
                               time_point now) {
    if (update(in.routers, {router, until}, max_routers, now)) {
        if (routes.add({ip_prefix(ipv6_address::any(), 0), router, in.number, router_metric})) {
            ++generation;
        }
        drop_routers(in, now);
    }
}

/// Forgets routers that did not say for too long that they are there.
void network_core::drop_routers(network_interface& in, time_point now) {
    std::erase_if(in.routers, [&](const advertised& one) {
        if (one.until > now) {
            return false;
        }
        routes.remove({ip_prefix(ipv6_address::any(), 0), one.address, in.number, router_metric});
        ++generation;
        return true;
    });
}

void network_core::take_name_servers(network_interface& in, std::span<const std::byte> option,
                                     time_point now) {
    const time_point until = after_seconds(now, load_be32(option.data() + 4));
    for (std::size_t at = 8; at + 16 <= option.size(); at += 16) {
        const ipv6_address server(std::span<const std::byte, 16>(option.subspan(at).first<16>()));
        if (!server.is_multicast() && !server.is_unspecified()) {
            update(in.name_servers, {server, until}, max_name_servers, now);
        }
    }
    std::erase_if(in.name_servers, [&](const advertised& one) { return one.until <= now; });
    tell_changed();
}

/// A prefix from which an address is made (RFC 4862 5.5.3).
void network_core::take_prefix(network_interface& in, std::span<const std::byte> option,
                               time_point now) {
    const auto length = std::to_integer<unsigned>(option[2]);
    const bool autonomous = (option[3] & std::byte{0x40}) != std::byte{0};
    const std::uint32_t valid = load_be32(option.data() + 4);
    const std::uint32_t preferred = load_be32(option.data() + 8);
    const ipv6_address prefix(option.subspan<16, 16>());
    if (!autonomous || length != 64 || prefix.is_link_local() || prefix.is_multicast() ||
        preferred > valid) {
        return;
    }
    const ipv6_address mine(prefix.upper(), interface_identifier(in.mac));
    const auto known = std::ranges::find_if(in.addresses, [&](const interface_address& one) {
        return one.prefix.address() == ip_address(mine);
    });
    if (known != in.addresses.end()) {
        if (known->automatic) {
            // Nobody may end an address in less than two hours with one packet.
            const time_point until = after_seconds(now, valid);
            const time_point least = std::min(known->valid_until, after_seconds(now, two_hours));
            known->valid_until = std::max(until, least);
            known->preferred_until = after_seconds(now, preferred);
            if (known->state == address_state::deprecated && preferred != 0) {
                known->state = address_state::preferred; // used again
                refresh_addresses();
            }
        }
        return;
    }
    const auto automatic = std::ranges::count_if(
        in.addresses, [](const interface_address& one) { return one.automatic; });
    if (valid == 0 || static_cast<std::size_t>(automatic) >= max_automatic) {
        return;
    }
    interface_address added;
    added.prefix = ip_prefix(mine, 64);
    added.automatic = true;
    added.valid_until = after_seconds(now, valid);
    added.preferred_until = after_seconds(now, preferred);
    (void)add_address(in, added, false, now);
}

time_point network_core::ndp_deadline(const network_interface& on) const noexcept {
    time_point first = on.next_solicitation;
    for (const auto* list : {&on.routers, &on.name_servers}) {
        for (const advertised& one : *list) {
            first = std::min(first, one.until);
        }
    }
    for (const interface_address& one : on.addresses) {
        first = std::min({first, one.next_probe, one.valid_until});
        if (one.state == address_state::preferred) {
            first = std::min(first, one.preferred_until);
        }
    }
    return first;
}

void network_core::on_ndp_timer(network_interface& on, time_point now) {
    bool refreshed = false;
    std::vector<ip_address> expired;
    for (interface_address& one : on.addresses) {
        if (one.state == address_state::tentative && one.next_probe <= now) {
            if (one.probes_left > 0) {
                probe_ipv4(on, one, now);
                continue;
            }
            one.next_probe = never;
            one.state = address_state::preferred; // nobody minded
            refreshed = true;
            if (one.prefix.address().is_v4()) {
                announce(on, one.prefix.address().v4());
            }
        }
        if (one.state == address_state::preferred && one.preferred_until <= now) {
            one.state = address_state::deprecated;
            refreshed = true;
        }
        if (one.valid_until <= now) {
            expired.push_back(one.prefix.address());
        }
    }
    if (refreshed) {
        refresh_addresses();
    }
    for (const ip_address& gone : expired) {
        remove_address(gone, now);
    }
    drop_routers(on, now);
    if (std::erase_if(on.name_servers, [&](const advertised& one) { return one.until <= now; })) {
        tell_changed();
    }
    if (on.next_solicitation <= now) {
        const interface_address* const mine = on.any_address(ip_family::v6);
        std::array<std::byte, 8> body{};
        body[0] = std::byte{icmpv6_type::router_solicitation};
        send_ndp(on, mine != nullptr ? mine->prefix.address() : ip_address(ipv6_address::any()),
                 ipv6_address::all_routers(), body, mine != nullptr ? on.mac : mac_address(), now);
        --on.solicitations_left;
        on.next_solicitation = on.solicitations_left > 0 ? now + solicitation_gap : never;
    }
}

} // namespace runnel::inline v0::stack
