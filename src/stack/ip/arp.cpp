// SPDX-License-Identifier: Apache-2.0
// ARP (RFC 826), with the announcements and the defence of RFC 5227.
#include "network_core.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

/// An address is defended once in so long (RFC 5227 2.4).
constexpr duration defend_interval = std::chrono::seconds(10);

/// How often and when it is asked whether somebody has an address.
constexpr int arp_probes = 3;
constexpr duration arp_probe_gap = std::chrono::milliseconds(250);

frame_ptr arp_frame(const arp_message& message) {
    frame_ptr one = frame::make();
    write_arp(message, std::span<std::byte, arp_size>(one->append(arp_size), arp_size));
    return one;
}

} // namespace

/// Whether a message shows that somebody else uses an address of ours (RFC 5227 2.4), or one that
/// we look whether it is free, or wants that one, too (2.1.1).
bool network_core::is_conflict(network_interface& in, const arp_message& message, time_point now) {
    if (message.sender_mac == in.mac) {
        return false;
    }
    const auto is = [](const interface_address& one, ipv4_address address) {
        return one.prefix.address() == address && one.state != address_state::duplicate;
    };
    for (interface_address& one : in.addresses) {
        const bool wanted = one.state == address_state::tentative &&
                            message.what == arp_message::kind::request &&
                            message.sender.is_unspecified() && is(one, message.target);
        if (!wanted && !is(one, message.sender)) {
            continue;
        }
        ++counters.address_conflicts;
        if (one.state == address_state::tentative) {
            one.state = address_state::duplicate;
            one.next_probe = never;
            tell_changed();
        } else if (in.defended == time_point() || now - in.defended >= defend_interval) {
            in.defended = now;
            announce(in, message.sender);
        }
        return true;
    }
    return false;
}

bool network_core::answers_for(const network_interface& in, ipv4_address target) const noexcept {
    const bool mine = std::ranges::any_of(in.addresses, [&](const interface_address& one) {
        return one.in_use() && one.prefix.address() == target;
    });
    return mine || std::ranges::any_of(in.options.proxy_arp,
                                       [&](const ip_prefix& one) { return one.contains(target); });
}

void network_core::receive_arp(network_interface& in, frame_ptr one, time_point now) {
    const auto message = parse_arp(one->front(arp_size));
    if (!message || message->sender_mac.is_multicast() || message->sender_mac.is_unspecified() ||
        message->sender.is_multicast() || message->sender.is_broadcast()) {
        drop(message ? network_drop::bad_arp : message.error());
        return;
    }
    ++counters.arp_received;
    if (is_conflict(in, *message, now)) {
        return;
    }
    const bool for_us = std::ranges::any_of(in.addresses, [&](const interface_address& mine) {
        return mine.in_use() && mine.prefix.address() == message->target;
    });
    if (!message->sender.is_unspecified()) {
        // The merge of RFC 826: known senders are updated whoever is asked, new ones are remembered
        // if they want something of us, as they will be answered.
        const bool solicited = for_us && message->what == arp_message::kind::reply;
        const bool create = for_us && message->what == arp_message::kind::request;
        send_waiting(
            in,
            in.neighbours.learn(message->sender, message->sender_mac, solicited, true, create, now),
            message->sender_mac);
    }
    if (message->what != arp_message::kind::request || message->sender == message->target ||
        !answers_for(in, message->target)) {
        return;
    }
    arp_message reply;
    reply.what = arp_message::kind::reply;
    reply.sender_mac = in.mac;
    reply.sender = message->target;
    reply.target_mac = message->sender_mac;
    reply.target = message->sender;
    ++counters.arp_sent;
    send_link_frame(in, message->sender_mac, ether_type::arp, arp_frame(reply));
}

/// Asks once more whether somebody has an address (RFC 5227 2.1). The waits are shorter than there:
/// a second is long for a link in memory or to a device of this machine.
void network_core::probe_ipv4(network_interface& on, interface_address& address, time_point now) {
    if (address.state != address_state::tentative) {
        address.state = address_state::tentative;
        address.probes_left = arp_probes;
    }
    --address.probes_left;
    address.next_probe = now + arp_probe_gap;
    arp_message message;
    message.sender_mac = on.mac;
    message.target = address.prefix.address().v4();
    ++counters.arp_sent;
    send_link_frame(on, mac_address::broadcast(), ether_type::arp, arp_frame(message));
    tell_ready();
}

/// Tells everybody where an address of ours is.
void network_core::announce(network_interface& on, ipv4_address address) {
    arp_message message;
    message.sender_mac = on.mac;
    message.sender = address;
    message.target = address;
    ++counters.arp_sent;
    send_link_frame(on, mac_address::broadcast(), ether_type::arp, arp_frame(message));
    tell_ready();
}

/// Sends the questions of the neighbour table.
void network_core::ask_questions(network_interface& on, time_point now) {
    // Sending may ask again, for another neighbour.
    std::vector<neighbour_table::question> asked;
    asked.swap(on.neighbours.questions);
    for (const neighbour_table::question& about : asked) {
        if (about.target.is_v6()) {
            ask_neighbour(on, about, now);
            continue;
        }
        const interface_address* mine = on.any_address(ip_family::v4);
        for (const interface_address& one : on.addresses) {
            if (one.in_use() && one.prefix.contains(about.target)) {
                mine = &one;
                break;
            }
        }
        if (mine == nullptr) {
            continue;
        }
        arp_message message;
        message.sender_mac = on.mac;
        message.sender = mine->prefix.address().v4();
        message.target = about.target.v4();
        ++counters.arp_sent;
        send_link_frame(on, about.to.value_or(mac_address::broadcast()), ether_type::arp,
                        arp_frame(message));
    }
}

} // namespace runnel::inline v0::stack
