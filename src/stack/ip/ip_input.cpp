// SPDX-License-Identifier: Apache-2.0
#include "icmp.hpp"
#include "network_core.hpp"

#include "runnel/core/checksum.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

/// Addresses that no packet comes from (RFC 1122 3.2.1.3, RFC 4291 2.7).
bool is_bad_source(const network_interface& in, const ip_address& source) noexcept {
    const bool loopback_outside = source.is_loopback() && in.number != 0;
    if (source.is_v6()) {
        return source.is_multicast() || loopback_outside || source.v6().is_v4_mapped();
    }
    return source.is_multicast() || source.v4().is_broadcast() || loopback_outside;
}

bool is_subnet_broadcast(const network_interface& in, const ip_address& address) noexcept {
    return std::ranges::any_of(in.addresses, [&](const interface_address& one) {
        return one.prefix.family() == ip_family::v4 && one.prefix.broadcast() == address.v4();
    });
}

} // namespace

bool transport_checksum_valid(frame& packet, const ip_header& ip) noexcept {
    const std::size_t size = packet.size() - ip.header_size;
    checksum sum = ip.source.is_v4()
                       ? checksum::pseudo_header(ip.source.v4(), ip.destination.v4(), ip.protocol,
                                                 static_cast<std::uint16_t>(size))
                       : checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), ip.protocol,
                                                 static_cast<std::uint32_t>(size));
    std::size_t skipped = ip.header_size;
    const auto add = [&](std::span<const std::byte> piece) {
        const std::size_t part = std::min(skipped, piece.size());
        skipped -= part;
        sum.add(piece.subspan(part));
    };
    add(packet.head());
    for (const buffer& slice : packet.slices()) {
        add(slice.span());
    }
    return sum.valid();
}

void network_core::receive_frame(network_interface& in, frame_ptr one, time_point now) {
    if (one->offload.cut == segmentation::udp) {
        // Datagrams keep their bounds, so each is received by itself.
        frame_list pieces;
        cut_segments(std::move(one), false, pieces);
        while (!pieces.empty()) {
            receive_frame(in, pieces.pop_front(), now);
        }
        return;
    }
    if (!in.is_ethernet()) {
        const auto first = one->front(1);
        if (first.empty()) {
            drop(network_drop::truncated);
            return;
        }
        receive_ip(in, std::move(one), std::to_integer<unsigned>(first[0]) >> 4U == 6, now);
        return;
    }
    std::span<const std::byte> front = one->front(ethernet_header_size);
    if (front.size() == ethernet_header_size && !in.options.vlan &&
        std::memcmp(front.data(), in.mac.bytes().data(), mac_address::byte_count) == 0) {
        // What nearly all frames are.
        const std::uint16_t type = load_be16(front.data() + 12);
        if (type == ether_type::ipv4 || type == ether_type::ipv6) {
            one->remove_prefix(ethernet_header_size);
            receive_ip(in, std::move(one), type == ether_type::ipv6, now);
            return;
        }
    }
    if (!front.empty() && load_be16(front.data() + 12) == ether_type::vlan) {
        front = one->front(ethernet_header_size + vlan_tag_size);
    }
    const auto header = parse_ethernet(front);
    if (!header) {
        drop(header.error());
        return;
    }
    if (header->vlan != in.options.vlan) {
        drop(network_drop::unknown_frame);
        return;
    }
    if (header->destination != in.mac && !header->destination.is_multicast()) {
        drop(network_drop::other_machine);
        return;
    }
    one->remove_prefix(header->size);
    switch (header->type) {
    case ether_type::ipv4:
        receive_ip(in, std::move(one), false, now);
        return;
    case ether_type::ipv6:
        receive_ip(in, std::move(one), true, now);
        return;
    case ether_type::arp:
        receive_arp(in, std::move(one), now);
        return;
    default:
        drop(network_drop::unknown_frame);
    }
}

void network_core::receive_ip(network_interface& in, frame_ptr one, bool v6, time_point now) {
    ++counters.packets_received;
    const std::size_t size = one->size();
    const std::size_t smallest = v6 ? ipv6_header_size : ipv4_header_size;
    std::span<const std::byte> front = one->front(smallest);
    if (!front.empty() && !v6) {
        const std::size_t whole = (std::to_integer<std::size_t>(front[0]) & 15U) * 4;
        if (whole > smallest) {
            front = one->front(std::min(whole, size));
        }
    } else if (!front.empty()) {
        const auto next = std::to_integer<std::uint8_t>(front[6]);
        if (next != ip_protocol::tcp && next != ip_protocol::udp && next != ip_protocol::icmpv6) {
            front = one->front(std::min(size, frame::max_front));
        }
    }
    ip_packet packet;
    const auto parsed =
        v6 ? parse_ipv6(front, size, packet.header) : parse_ipv4(front, size, packet.header);
    if (!parsed) {
        drop(parsed.error());
        return;
    }
    packet.in = &in;
    one->truncate(packet.header.total_size);
    packet.data = std::move(one);
    if (!is_like_the_last(packet)) {
        const bool from_ourselves = in.number != 0 && is_ours(packet.header.source);
        if (from_ourselves || is_bad_source(in, packet.header.source)) {
            drop(network_drop::bad_source);
            return;
        }
        if (!is_for_us(in, packet)) {
            drop(network_drop::not_ours);
            return;
        }
        if (!packet.to_group) {
            last_source = packet.header.source;
            last_destination = packet.header.destination;
            last_generation = generation;
            last_in = in.number;
        }
    }
    if (packet.header.is_fragment()) {
        receive_fragment(packet, now);
        return;
    }
    dispatch(packet, now);
}

/// Whether a packet has the addresses of the one before, which were found to be right. Packets come
/// in trains.
bool network_core::is_like_the_last(const ip_packet& packet) const noexcept {
    return last_generation == generation && last_in == packet.in->number &&
           last_source == packet.header.source && last_destination == packet.header.destination &&
           (!any_destination || packet.header.protocol == ip_protocol::tcp);
}

bool network_core::is_for_us(const network_interface& in, ip_packet& packet) const noexcept {
    const ip_address& to = packet.header.destination;
    if (is_ours(to)) {
        return true;
    }
    if (to.is_v4() && (to.v4().is_broadcast() || is_subnet_broadcast(in, to))) {
        packet.to_group = true;
        return true;
    }
    if (to.is_multicast()) {
        packet.to_group = true;
        if (to.is_v4()) {
            return to.v4() == ipv4_address::all_hosts() || sockets.wants(to, in.number);
        }
        if (to.v6() == ipv6_address::all_nodes() || sockets.wants(to, in.number)) {
            return true;
        }
        // Solicited-node groups of our addresses (RFC 4291 2.7.1), the tentative ones too.
        return std::ranges::any_of(in.addresses, [&](const interface_address& one) {
            return one.prefix.family() == ip_family::v6 &&
                   to.v6() == solicited_node(one.prefix.address().v6());
        });
    }
    return any_destination && packet.header.protocol == ip_protocol::tcp;
}

void network_core::receive_fragment(ip_packet& packet, time_point now) {
    ++counters.fragments_received;
    const ip_header& ip = packet.header;
    const bool v6 = ip.source.is_v6();
    fragment piece;
    piece.key = {ip.source, ip.destination, ip.identification, v6 ? std::uint8_t{0} : ip.protocol};
    piece.offset = ip.fragment_offset;
    piece.more = ip.more_fragments;
    piece.congestion_marked = ip.congestion_marked();
    if (ip.fragment_offset == 0) {
        // IPv6: without the fragment header, whose own next header the one before it then names.
        const std::size_t size = v6 ? ip.unfragmentable_size : ip.header_size;
        piece.header = buffer::copy_of(packet.data->front(ip.header_size).first(size));
        if (v6) {
            piece.header.writable()[ip.next_header_place] = std::byte{ip.protocol};
        }
    }
    packet.strip();
    piece.payload = packet.data->take_bytes();
    reassembly::packet whole;
    switch (fragments.add(std::move(piece), whole, now)) {
    case reassembly::outcome::waiting:
        return;
    case reassembly::outcome::refused:
        drop(network_drop::bad_fragment);
        return;
    case reassembly::outcome::given_up:
        drop(network_drop::reassembly_given_up);
        return;
    case reassembly::outcome::complete:
        break;
    }
    ++counters.reassembled;
    const std::size_t total = whole.header.size() + whole.payload.size();
    if (total > 0xffff + (v6 ? ipv6_header_size : 0)) {
        drop(network_drop::bad_fragment);
        return;
    }
    const std::span<std::byte> header = whole.header.writable();
    if (v6) {
        store_be16(header.data() + 4, static_cast<std::uint16_t>(total - ipv6_header_size));
    } else {
        store_be16(header.data() + 2, static_cast<std::uint16_t>(total));
        store_be16(header.data() + 6, 0);
        store_be16(header.data() + 10, 0);
        store_be16(header.data() + 10, internet_checksum(header));
    }
    frame_ptr all = frame::make();
    std::memcpy(all->append(header.size()), header.data(), header.size());
    all->add(std::move(whole.payload));
    packet.header = ip_header();
    const auto again = v6 ? parse_ipv6(all->front(header.size()), all->size(), packet.header)
                          : parse_ipv4(all->front(header.size()), all->size(), packet.header);
    if (!again || packet.header.is_fragment()) {
        drop(network_drop::bad_fragment);
        return;
    }
    if (whole.congestion_marked) {
        packet.header.traffic_class |= ecn_experienced;
    }
    packet.data = std::move(all);
    dispatch(packet, now);
}

void network_core::dispatch(ip_packet& packet, time_point now) {
    const bool v6 = packet.header.source.is_v6();
    switch (packet.header.protocol) {
    case ip_protocol::tcp:
        receive_tcp(packet, now);
        return;
    case ip_protocol::udp:
        receive_udp(packet, now);
        return;
    case ip_protocol::icmp:
    case ip_protocol::icmpv6:
        if (v6 == (packet.header.protocol == ip_protocol::icmpv6)) {
            receive_icmp(packet, now);
            return;
        }
        break;
    case ip_protocol::igmp:
        if (!v6) {
            receive_igmp(packet, now);
            return;
        }
        break;
    case ip_protocol::none:
        return;
    default:
        break;
    }
    drop(network_drop::unknown_protocol);
    send_unreachable_protocol(packet, now);
}

void network_core::receive_tcp(ip_packet& packet, time_point now) {
    constexpr std::size_t smallest = 20;
    if (packet.to_group || packet.header.source.is_unspecified()) {
        drop(network_drop::bad_source);
        return;
    }
    frame& data = *packet.data;
    const bool verified = data.offload.checksum_verified || data.offload.needs_checksum;
    if (!verified && !transport_checksum_valid(data, packet.header)) {
        drop(network_drop::bad_transport_checksum);
        return;
    }
    packet.strip();
    const std::span<const std::byte> head = data.front(smallest);
    if (head.empty()) {
        drop(network_drop::truncated);
        return;
    }
    const std::size_t size = (std::to_integer<std::size_t>(head[12]) >> 4U) * 4;
    if (size < smallest || data.front(size).empty()) {
        drop(size < smallest ? network_drop::bad_header : network_drop::truncated);
        return;
    }
    if (tcp == nullptr) {
        drop(network_drop::unknown_protocol);
        return;
    }
    merger.add(packet.header, std::move(packet.data), size, *tcp, now);
    if (!options.merge) {
        merger.flush(*tcp, now);
    }
}

} // namespace runnel::inline v0::stack
