// SPDX-License-Identifier: Apache-2.0
// ICMP for IPv4 (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443) without neighbour discovery.
#include "icmp.hpp"

#include "network_core.hpp"
#include "runnel/core/checksum.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

/// The least that every link of the Internet carries (RFC 791 3.2, RFC 8200 5); smaller claims are
/// attacks. For IPv4 the limit is what Linux believes at least.
constexpr std::uint32_t min_path_mtu_v4 = 552;
constexpr std::uint32_t min_path_mtu_v6 = 1280;
/// The largest ICMP error (RFC 1812 4.3.2.3, RFC 4443 2.4 (c)).
constexpr std::size_t max_error_v4 = 576;
constexpr std::size_t max_error_v6 = 1280;

bool valid_message(const ip_packet& packet) noexcept {
    checksum sum;
    if (packet.header.source.is_v6()) {
        sum = checksum::pseudo_header(packet.header.source.v6(), packet.header.destination.v6(),
                                      ip_protocol::icmpv6,
                                      static_cast<std::uint32_t>(packet.data->size()));
    }
    sum.add(packet.data->head());
    for (const buffer& slice : packet.data->slices()) {
        sum.add(slice.span());
    }
    return sum.valid();
}

bool is_error(bool v6, std::uint8_t type) noexcept {
    return v6 ? type < 128 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

} // namespace

void network_core::receive_icmp(ip_packet& packet, time_point now) {
    const bool v6 = packet.header.source.is_v6();
    ip_packet message = std::move(packet);
    const std::size_t headers = std::min(message.header.header_size, frame::max_front);
    const bool alert = v6 && has_router_alert(message.data->front(headers));
    message.strip();
    const std::span<const std::byte> head = message.data->front(icmp_header_size);
    const bool summed =
        message.data->offload.checksum_verified || message.data->offload.needs_checksum;
    if (head.empty() || (!summed && !valid_message(message))) {
        drop(head.empty() ? network_drop::truncated : network_drop::bad_transport_checksum);
        return;
    }
    ++counters.icmp_received;
    const auto type = std::to_integer<std::uint8_t>(head[0]);
    const auto code = std::to_integer<std::uint8_t>(head[1]);
    if (is_error(v6, type)) {
        receive_icmp_error(message, type, code, now);
    } else if (type == (v6 ? icmpv6_type::echo_request : icmp_type::echo_request)) {
        answer_echo(message, now);
    } else if (type == (v6 ? icmpv6_type::echo_reply : icmp_type::echo_reply)) {
        if (echo != nullptr) {
            echo_reply reply{message.header.source,
                             load_be16(head.data() + 4),
                             load_be16(head.data() + 6),
                             message.header.hop_limit,
                             type,
                             code,
                             {},
                             message.data->arrived};
            message.data->remove_prefix(icmp_header_size);
            reply.payload = message.data->take_bytes();
            echo(echo_context, reply);
        }
    } else if (v6 && type >= icmpv6_type::router_solicitation &&
               type <= icmpv6_type::neighbour_advertisement) {
        receive_ndp(message, type, now);
    } else if (v6 && type == icmpv6_type::listener_query) {
        const std::size_t size = std::min(message.data->size(), frame::max_front);
        receive_listener_query(message, message.data->front(size), alert, now);
    }
}

void network_core::answer_echo(ip_packet& request, time_point now) {
    const ip_address& from = request.header.source;
    const bool v6 = from.is_v6();
    if (!options.answer_echo || from.is_unspecified() || (request.to_group && !v6)) {
        return;
    }
    ip_header header;
    header.destination = from;
    header.hop_limit = options.hop_limit;
    header.traffic_class = request.header.traffic_class;
    header.protocol = v6 ? ip_protocol::icmpv6 : ip_protocol::icmp;
    if (request.to_group) {
        const auto mine = source_for(from);
        if (!mine) {
            return;
        }
        header.source = *mine;
    } else {
        header.source = request.header.destination;
    }
    frame_ptr reply = std::move(request.data);
    const std::span<std::byte> head = reply->writable_front(icmp_header_size);
    head[0] = std::byte{v6 ? icmpv6_type::echo_reply : icmp_type::echo_reply};
    reply->offload = {};
    send_icmp(header, std::move(reply), from.is_link_local() ? request.in : nullptr, now);
}

/// Makes the checksum of a message and sends it.
void network_core::send_icmp(const ip_header& header, frame_ptr message, network_interface* over,
                             time_point now) {
    const bool v6 = header.destination.is_v6();
    const std::span<std::byte> head = message->writable_front(icmp_header_size);
    checksum sum;
    if (v6) {
        sum = checksum::pseudo_header(header.source.v6(), header.destination.v6(),
                                      ip_protocol::icmpv6,
                                      static_cast<std::uint32_t>(message->size()));
    }
    store_be16(head.data() + 2, sum.sum());
    message->offload.needs_checksum = true;
    message->offload.checksum_start = 0;
    message->offload.checksum_offset = 2;
    complete_checksum(*message);
    ++counters.icmp_sent;
    send_packet(header, std::move(message), over, now);
}

/// An error about a packet that is quoted behind the header: only those about packets of ours from
/// one of our addresses are passed on.
void network_core::receive_icmp_error(ip_packet& packet, std::uint8_t type, std::uint8_t code,
                                      time_point now) {
    const bool v6 = packet.header.source.is_v6();
    const std::uint32_t extra = load_be32(packet.data->front(icmp_header_size).data() + 4);
    packet.data->remove_prefix(icmp_header_size);
    const auto quoted =
        parse_quoted(packet.data->front(std::min(packet.data->size(), frame::max_front)), v6);
    ++counters.icmp_errors_received;
    if (!quoted) {
        drop(network_drop::bad_icmp);
        return;
    }
    if (!is_ours(quoted->source) && !any_destination) {
        drop(network_drop::stray_icmp);
        return;
    }
    const bool too_big =
        v6 ? type == icmpv6_type::too_big : type == icmp_type::unreachable && code == 4;
    const bool unreachable =
        v6 ? type == icmpv6_type::unreachable : type == icmp_type::unreachable && !too_big;
    std::uint32_t mtu = 0;
    if (too_big) {
        const std::uint32_t claimed = v6 ? extra : extra & 0xffffU;
        mtu = std::max(claimed, v6 ? min_path_mtu_v6 : min_path_mtu_v4);
        learn_path_mtu(quoted->destination, mtu, now);
    }
    if (quoted->protocol == ip_protocol::tcp && tcp != nullptr) {
        tcp_icmp_error error;
        error.what = too_big       ? tcp_icmp_error::kind::too_big
                     : unreachable ? tcp_icmp_error::kind::unreachable
                                   : tcp_icmp_error::kind::soft;
        error.local = quoted->source;
        error.remote = quoted->destination;
        error.local_port = quoted->source_port;
        error.remote_port = quoted->destination_port;
        error.number = sequence(quoted->number);
        error.mtu = mtu;
        tcp->on_icmp_error(error, now);
    } else if (quoted->protocol == ip_protocol::udp && unreachable) {
        const bool refused = v6 ? code == 4 : code == 3 || code == 2;
        sockets.fail({quoted->source, quoted->source_port},
                     {quoted->destination, quoted->destination_port},
                     refused ? errc::refused : errc::unreachable);
    } else if (quoted->protocol == (v6 ? ip_protocol::icmpv6 : ip_protocol::icmp) &&
               echo != nullptr) {
        // What is quoted of an echo request: its numbers stand where TCP has its sequence number.
        echo_reply reply{packet.header.source,
                         static_cast<std::uint16_t>(quoted->number >> 16U),
                         static_cast<std::uint16_t>(quoted->number),
                         packet.header.hop_limit,
                         type,
                         code,
                         {},
                         packet.data->arrived};
        echo(echo_context, reply);
    }
}

/// A router said that a packet was too large. Believed only of an address we have sent to, and only
/// if it is less than what is known.
void network_core::learn_path_mtu(const ip_address& remote, std::uint32_t mtu, time_point now) {
    const auto used = std::ranges::find_if(ways, [&](const cached_way& one) {
        return one.generation == generation && one.remote == remote;
    });
    if (used == ways.end() || mtu >= used->mtu) {
        return;
    }
    const time_point until = now + options.path_mtu_lifetime;
    const auto known =
        std::ranges::find_if(path_mtus, [&](const path_mtu& one) { return one.remote == remote; });
    if (known != path_mtus.end()) {
        *known = {remote, mtu, until};
    } else {
        if (path_mtus.size() >= max_path_mtus) {
            path_mtus.erase(path_mtus.begin());
        }
        path_mtus.push_back({remote, mtu, until});
    }
    used->mtu = mtu;
}

/// Tells the sender of a packet what was wrong with it, unless that could make errors multiply (RFC
/// 1122 3.2.2, RFC 4443 2.4 (e)).
void network_core::send_icmp_error(const ip_packet& about, std::uint8_t type, std::uint8_t code,
                                   std::uint32_t extra, time_point now) {
    const ip_header& ip = about.header;
    const bool v6 = ip.source.is_v6();
    if (about.to_group || ip.source.is_unspecified() || ip.source.is_multicast() ||
        !is_ours(ip.destination)) {
        return;
    }
    if (!icmp_limit.allow(now)) {
        ++counters.icmp_withheld;
        return;
    }
    ip_header header;
    header.source = ip.destination;
    header.destination = ip.source;
    header.hop_limit = options.hop_limit;
    header.protocol = v6 ? ip_protocol::icmpv6 : ip_protocol::icmp;
    const std::size_t headers = icmp_header_size + (v6 ? ipv6_header_size : ipv4_header_size);
    const std::size_t quoted =
        std::min(about.data->size(), (v6 ? max_error_v6 : max_error_v4) - headers);
    buffer quote = buffer::allocate(quoted);
    about.data->copy_out(0, quote.writable());
    frame_ptr message = frame::make();
    std::byte* const head = message->append(icmp_header_size);
    head[0] = std::byte{type};
    head[1] = std::byte{code};
    store_be32(head + 4, extra);
    message->add(std::move(quote));
    send_icmp(header, std::move(message), ip.source.is_link_local() ? about.in : nullptr, now);
}

void network_core::send_unreachable_port(const ip_packet& about, time_point now) {
    const bool v6 = about.header.source.is_v6();
    send_icmp_error(about, v6 ? icmpv6_type::unreachable : icmp_type::unreachable, v6 ? 4 : 3, 0,
                    now);
}

void network_core::send_unreachable_protocol(const ip_packet& about, time_point now) {
    if (about.header.source.is_v6()) {
        const std::size_t place = about.header.next_header_place;
        send_icmp_error(about, icmpv6_type::parameter_problem, 1, static_cast<std::uint32_t>(place),
                        now);
        return;
    }
    send_icmp_error(about, icmp_type::unreachable, 2, 0, now);
}

result<void> network_core::send_echo(const ip_address& to, std::uint16_t identifier,
                                     std::uint16_t number, buffer payload, std::uint8_t hop_limit,
                                     time_point now) {
    const auto mine = source_for(to);
    if (!mine) {
        return std::unexpected(mine.error());
    }
    const bool v6 = to.is_v6();
    ip_header header;
    header.source = *mine;
    header.destination = to;
    header.hop_limit = hop_limit;
    header.protocol = v6 ? ip_protocol::icmpv6 : ip_protocol::icmp;
    frame_ptr message = frame::make();
    std::byte* const head = message->append(icmp_header_size);
    head[0] = std::byte{v6 ? icmpv6_type::echo_request : icmp_type::echo_request};
    head[1] = std::byte{0};
    store_be16(head + 4, identifier);
    store_be16(head + 6, number);
    if (!payload.empty()) {
        message->add(std::move(payload));
    }
    send_icmp(header, std::move(message), nullptr, now);
    return {};
}

std::optional<quoted_packet> parse_quoted(std::span<const std::byte> bytes, bool v6) noexcept {
    constexpr std::size_t ports = 8;
    quoted_packet out;
    const std::size_t smallest = v6 ? ipv6_header_size : ipv4_header_size;
    if (bytes.size() < smallest || std::to_integer<unsigned>(bytes[0]) >> 4U != (v6 ? 6U : 4U)) {
        return std::nullopt;
    }
    std::size_t size = smallest;
    if (v6) {
        out.source = ipv6_address(bytes.subspan<8, 16>());
        out.destination = ipv6_address(bytes.subspan<24, 16>());
        out.protocol = std::to_integer<std::uint8_t>(bytes[6]);
    } else {
        size = (std::to_integer<std::size_t>(bytes[0]) & 15U) * 4;
        const bool later_fragment = (load_be16(bytes.data() + 6) & 0x1fffU) != 0;
        if (size < smallest || later_fragment) {
            return std::nullopt;
        }
        out.source = ipv4_address(bytes.subspan<12, 4>());
        out.destination = ipv4_address(bytes.subspan<16, 4>());
        out.protocol = std::to_integer<std::uint8_t>(bytes[9]);
    }
    if (bytes.size() < size + ports) {
        return std::nullopt;
    }
    const std::byte* const transport = bytes.data() + size;
    out.source_port = load_be16(transport);
    out.destination_port = load_be16(transport + 2);
    out.number = load_be32(transport + 4);
    return out;
}

} // namespace runnel::inline v0::stack
