// SPDX-License-Identifier: Apache-2.0
#include "network_core.hpp"

#include "runnel/core/checksum.hpp"
#include "runnel/stack/link/segmentation.hpp"
#include "runnel/stack/tcp_wire.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

std::uint16_t type_of(const ip_address& address) noexcept {
    return address.is_v4() ? ether_type::ipv4 : ether_type::ipv6;
}

/// Where groups are on Ethernet (RFC 1112 6.4, RFC 2464 7).
mac_address group_mac(const ip_address& group) noexcept {
    if (group.is_v6()) {
        const auto& bytes = group.v6().bytes();
        const auto at = [&](std::size_t i) { return std::to_integer<std::uint8_t>(bytes[i]); };
        return {0x33, 0x33, at(12), at(13), at(14), at(15)};
    }
    const std::uint32_t number = group.v4().number();
    return {0x01,
            0x00,
            0x5e,
            static_cast<std::uint8_t>(number >> 16U & 0x7fU),
            static_cast<std::uint8_t>(number >> 8U),
            static_cast<std::uint8_t>(number)};
}

/// A frame that waited tells whom it was for: its IP header stands behind its Ethernet header.
std::size_t network_place(const frame& one) noexcept {
    const std::byte* const head = one.head().data();
    return load_be16(head + 12) == ether_type::vlan ? ethernet_header_size + vlan_tag_size
                                                    : ethernet_header_size;
}

} // namespace

std::uint32_t network_core::mtu_to(const ip_address& remote, std::uint32_t of_link) const noexcept {
    const auto known =
        std::ranges::find_if(path_mtus, [&](const path_mtu& one) { return one.remote == remote; });
    return known != path_mtus.end() ? std::min(of_link, known->mtu) : of_link;
}

/// The way to an address, from the cache or found anew; null where there is none.
cached_way* network_core::find_way(const ip_address& remote) {
    const std::size_t place = mix_hash(way_secret, remote.hash()) % way_count;
    cached_way& way = ways[place];
    if (way.generation == generation && way.remote == remote) {
        return &way;
    }
    const route* const over = routes.find(remote);
    network_interface* via = nullptr;
    ip_address next_hop = remote;
    if (is_ours(remote)) {
        via = interfaces[0].get();
    } else if (over != nullptr) {
        via = interfaces[over->interface].get();
        next_hop = over->gateway.value_or(remote);
    } else {
        return nullptr;
    }
    way = cached_way();
    way.remote = remote;
    way.generation = generation;
    way.via = via;
    way.next_hop = next_hop;
    way.mtu = mtu_to(remote, via->mtu);
    way.until = time_point::min();
    if (!via->is_ethernet()) {
        way.until = never;
        way.neighbour_generation = via->neighbours.generation();
    }
    return &way;
}

/// Whether the Ethernet header of a way is right, looking the neighbour up if that is not sure.
bool network_core::resolve(cached_way& way, time_point now) {
    network_interface& via = *way.via;
    if (now < way.until && way.neighbour_generation == via.neighbours.generation()) {
        return true;
    }
    if (!via.is_ethernet()) {
        way.neighbour_generation = via.neighbours.generation();
        return true;
    }
    ethernet_header header;
    header.source = via.mac;
    header.type = type_of(way.remote);
    header.vlan = via.options.vlan;
    const ip_address& hop = way.next_hop;
    const auto* const mine = via.any_address(ip_family::v4);
    if (hop.is_multicast()) {
        header.destination = group_mac(hop);
        way.until = never;
    } else if (hop.is_v4() && (hop.v4().is_broadcast() ||
                               (mine != nullptr && mine->prefix.broadcast() == hop.v4()))) {
        header.destination = mac_address::broadcast();
        way.until = never;
    } else {
        const auto known = via.neighbours.resolve(hop, now);
        ask_questions(via, now);
        way.until = known ? known->until : time_point::min();
        header.destination = known ? known->mac : mac_address();
    }
    way.neighbour_generation = via.neighbours.generation();
    way.ethernet_size = static_cast<std::uint8_t>(write_ethernet(header, way.ethernet));
    return way.until != time_point::min();
}

/// Sends a frame that begins with its IP header.
void network_core::send_frame(cached_way& way, frame_ptr one, time_point now) {
    network_interface& via = *way.via;
    const bool known = resolve(way, now);
    const std::size_t size = via.is_ethernet() ? way.ethernet_size : 0;
    std::memcpy(one->prepend(size), way.ethernet.data(), size);
    one->offload.network_start = static_cast<std::uint16_t>(size);
    one->offload.checksum_start = static_cast<std::uint16_t>(one->offload.checksum_start + size);
    one->offload.header_size = static_cast<std::uint16_t>(one->offload.header_size + size);
    ++counters.packets_sent;
    if (known) {
        put(via, std::move(one));
    } else if (!via.neighbours.wait(way.next_hop, one)) {
        drop(network_drop::neighbour_queue_full);
    }
}

/// Hands a frame to the link, after what the link does not do itself.
void network_core::put(network_interface& over, frame_ptr one) {
    if (over.out.size() >= max_out) {
        drop(network_drop::link_full);
        return;
    }
    adapt(std::move(one), over.device->properties().capabilities, over.out);
}

void network_core::send_link_frame(network_interface& over, mac_address to, std::uint16_t type,
                                   frame_ptr one) {
    if (over.is_ethernet()) {
        const ethernet_header header{to, over.mac, type, over.options.vlan};
        const std::size_t size = ethernet_header_size + (over.options.vlan ? vlan_tag_size : 0);
        write_ethernet(header, {one->prepend(size), size});
    }
    put(over, std::move(one));
}

bool network_core::send_tcp(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment,
                            time_point now) {
    const ip_address remote = ip_address(ipv6_address(key.remote)).unmapped();
    cached_way* way = hint.generation == generation ? &ways[hint.index] : nullptr;
    if (way == nullptr || way->generation != generation || way->remote != remote) {
        way = find_way(remote);
        if (way == nullptr) {
            drop(network_drop::no_route);
            segment.payload.clear();
            return true;
        }
        hint = {static_cast<std::uint32_t>(way - ways.data()), generation};
    }
    const ip_address local = ip_address(ipv6_address(key.local)).unmapped();
    const std::size_t payload = segment.payload.bytes();
    frame_ptr one = frame::make();
    std::byte* const transport_header = one->append(max_tcp_header_size);
    const std::size_t header_size =
        write_tcp(segment.header,
                  std::span<std::byte, max_tcp_header_size>(transport_header, max_tcp_header_size));
    one->truncate(header_size);
    for (buffer& slice : segment.payload.slices()) {
        one->add(std::move(slice));
    }
    segment.payload.clear();
    const std::size_t ip_size = remote.is_v4() ? ipv4_header_size : ipv6_header_size;
    if (ip_size + header_size + std::min<std::size_t>(payload, segment.segment_size) > way->mtu) {
        drop(network_drop::too_big);
        report_later({tcp_icmp_error::kind::too_big, local, remote, key.local_port, key.remote_port,
                      segment.header.number, way->mtu});
        return true;
    }
    const std::uint32_t label = static_cast<std::uint32_t>(
        mix_hash(way_secret, std::uint64_t{key.local_port} << 16U | key.remote_port));
    prepend_tcp_network(*one, local, remote, segment, label);
    network_interface& via = *way->via;
    send_frame(*way, std::move(one), now);
    if (!via.device->writable() || via.out.size() >= max_out / 2) {
        via.blocked = true;
        return false;
    }
    return true;
}

/// Puts the IP header in front of a TCP packet and says what is left to do for it: the checksum,
/// and to cut it if it stands for many.
void network_core::prepend_tcp_network(frame& one, const ip_address& local,
                                       const ip_address& remote, const tcp_segment& segment,
                                       std::uint32_t label) noexcept {
    const std::size_t header_size = one.head().size();
    const std::size_t payload = one.slice_bytes();
    const bool many = payload > segment.segment_size;
    const auto length = static_cast<std::uint32_t>(one.size());
    std::byte* const transport_header = one.head().data();
    ip_header header;
    header.source = local;
    header.destination = remote;
    header.protocol = ip_protocol::tcp;
    header.hop_limit = options.hop_limit;
    header.traffic_class = segment.ecn_capable ? ecn_capable : std::uint8_t{0};
    header.dont_fragment = true;
    checksum sum;
    frame_offload& offload = one.offload;
    if (remote.is_v4()) {
        header.identification = identification;
        identification +=
            many ? static_cast<std::uint32_t>((payload - 1) / segment.segment_size + 1) : 1U;
        write_ipv4(header, length,
                   std::span<std::byte, ipv4_header_size>(one.prepend(ipv4_header_size),
                                                          ipv4_header_size));
        sum = checksum::pseudo_header(local.v4(), remote.v4(), ip_protocol::tcp,
                                      static_cast<std::uint16_t>(length));
        offload.checksum_start = ipv4_header_size;
    } else {
        write_ipv6(header, label, length,
                   std::span<std::byte, ipv6_header_size>(one.prepend(ipv6_header_size),
                                                          ipv6_header_size));
        sum = checksum::pseudo_header(local.v6(), remote.v6(), ip_protocol::tcp, length);
        offload.checksum_start = ipv6_header_size;
    }
    offload.needs_checksum = true;
    offload.checksum_offset = 16;
    offload.header_size = static_cast<std::uint16_t>(offload.checksum_start + header_size);
    if (many) {
        offload.cut = remote.is_v4() ? segmentation::tcp_v4 : segmentation::tcp_v6;
        offload.segment_size = segment.segment_size;
        offload.ecn = segment.header.cwr;
    }
    store_be16(transport_header + offload.checksum_offset, sum.sum());
}

/// The way to whom a link itself reaches.
cached_way network_core::direct_way(network_interface& over, const ip_address& to) {
    cached_way way;
    way.remote = way.next_hop = to;
    way.via = &over;
    way.mtu = over.mtu;
    way.until = time_point::min();
    return way;
}

/// Sends a packet of any other protocol. `payload` begins with its transport header. Cuts it into
/// fragments if it is too large for the path and may be cut. `over`: for groups, and for addresses
/// that mean something only on one link. False if there is no way.
bool network_core::send_packet(const ip_header& header, frame_ptr payload, network_interface* over,
                               time_point now) {
    cached_way direct;
    cached_way* way = nullptr;
    const ip_address& to = header.destination;
    if (over != nullptr) {
        direct = direct_way(*over, to);
        way = &direct;
    } else {
        way = find_way(to);
    }
    if (way == nullptr) {
        drop(network_drop::no_route);
        return false;
    }
    const std::size_t ip_size = to.is_v4() ? ipv4_header_size : ipv6_header_size;
    const std::size_t size = payload->size();
    if (size + ip_size > way->mtu && payload->offload.cut == segmentation::none) {
        complete_checksum(*payload);
        send_fragments(*way, header, std::move(payload), now);
        return true;
    }
    ip_header whole = header;
    std::byte* const ip = payload->prepend(ip_size);
    if (to.is_v4()) {
        whole.identification = identification++;
        write_ipv4(whole, size, std::span<std::byte, ipv4_header_size>(ip, ip_size));
    } else {
        write_ipv6(whole, 0, size, std::span<std::byte, ipv6_header_size>(ip, ip_size));
    }
    payload->offload.checksum_start =
        static_cast<std::uint16_t>(payload->offload.checksum_start + ip_size);
    payload->offload.header_size =
        static_cast<std::uint16_t>(payload->offload.header_size + ip_size);
    send_frame(*way, std::move(payload), now);
    return true;
}

void network_core::send_fragments(cached_way& way, const ip_header& header, frame_ptr payload,
                                  time_point now) {
    const bool v4 = header.destination.is_v4();
    const std::size_t front = v4 ? ipv4_header_size : ipv6_header_size + ipv6_fragment_size;
    const std::size_t part_size = (way.mtu - front) / 8 * 8;
    const std::size_t largest = v4 ? 0xffff - ipv4_header_size : 0xffff;
    if ((v4 && header.dont_fragment) || payload->size() > largest) {
        drop(network_drop::too_big);
        return;
    }
    ip_header part = header;
    part.identification = identification++;
    const buffer bytes = payload->take_bytes();
    for (std::size_t at = 0; at < bytes.size(); at += part_size) {
        const std::size_t size = std::min(part_size, bytes.size() - at);
        part.fragment_offset = static_cast<std::uint32_t>(at);
        part.more_fragments = at + size < bytes.size();
        frame_ptr one = frame::make();
        if (v4) {
            write_ipv4(part, size,
                       std::span<std::byte, ipv4_header_size>(one->append(front), front));
        } else {
            std::byte* const extension = one->append(ipv6_fragment_size);
            extension[0] = std::byte{header.protocol};
            extension[1] = std::byte{0};
            store_be16(extension + 2,
                       static_cast<std::uint16_t>(at | (part.more_fragments ? 1U : 0U)));
            store_be32(extension + 4, part.identification);
            ip_header outer = part;
            outer.protocol = ip_protocol::fragment;
            write_ipv6(outer, 0, size + ipv6_fragment_size,
                       std::span<std::byte, ipv6_header_size>(one->prepend(ipv6_header_size),
                                                              ipv6_header_size));
        }
        one->add(bytes.share(at, size));
        ++counters.fragments_sent;
        send_frame(way, std::move(one), now);
    }
}

/// TCP is told once it does not call any more.
void network_core::report_later(const tcp_icmp_error& what) {
    if (pending_errors.size() < max_pending_errors) {
        pending_errors.push_back(what);
        tell_ready();
    }
}

/// The neighbour is found: what waited for it gets its address.
void network_core::send_waiting(network_interface& over, frame_list waiting, mac_address mac) {
    while (!waiting.empty()) {
        frame_ptr one = waiting.pop_front();
        std::memcpy(one->head().data(), mac.bytes().data(), 6);
        put(over, std::move(one));
    }
}

/// The neighbour does not answer. Connections that are being opened to it are told.
void network_core::report_lost(frame_list lost) {
    while (!lost.empty()) {
        const frame_ptr one = lost.pop_front();
        drop(network_drop::no_neighbour);
        const std::size_t place = network_place(*one);
        const std::byte* const ip = one->head().data() + place;
        const bool v4 = std::to_integer<unsigned>(ip[0]) >> 4U == 4;
        const std::size_t transport = v4 ? ipv4_header_size : ipv6_header_size;
        if (std::to_integer<std::uint8_t>(ip[v4 ? 9 : 6]) != ip_protocol::tcp ||
            one->head().size() < place + transport + 8) {
            continue;
        }
        tcp_icmp_error error;
        error.what = tcp_icmp_error::kind::unreachable;
        if (v4) {
            error.local = ipv4_address(std::span<const std::byte, 4>(ip + 12, 4));
            error.remote = ipv4_address(std::span<const std::byte, 4>(ip + 16, 4));
        } else {
            error.local = ipv6_address(std::span<const std::byte, 16>(ip + 8, 16));
            error.remote = ipv6_address(std::span<const std::byte, 16>(ip + 24, 16));
        }
        error.local_port = load_be16(ip + transport);
        error.remote_port = load_be16(ip + transport + 2);
        error.number = sequence(load_be32(ip + transport + 4));
        report_later(error);
    }
}

} // namespace runnel::inline v0::stack
