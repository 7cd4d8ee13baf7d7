// SPDX-License-Identifier: Apache-2.0
// The messages of IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810), as a host reads and writes
// them.
#include "icmp.hpp"
#include "network_core.hpp"
#include "runnel/core/checksum.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

using record = group_reports::record;
using version = group_reports::version;

namespace igmp_type {
constexpr std::uint8_t query = 0x11;
constexpr std::uint8_t report_v1 = 0x12;
constexpr std::uint8_t report_v2 = 0x16;
constexpr std::uint8_t leave = 0x17;
constexpr std::uint8_t report_v3 = 0x22;
} // namespace igmp_type

constexpr ipv4_address all_routers_v4(224, 0, 0, 2);
constexpr ipv4_address igmp_routers(224, 0, 0, 22);
constexpr ipv6_address mld_routers(0xff02'0000'0000'0000, 0x16);
constexpr duration answer_of_v1 = std::chrono::seconds(10);
constexpr std::size_t report_header_size = 8;
constexpr std::size_t router_alert_size_v4 = 4;
constexpr std::size_t router_alert_size_v6 = 8;

/// A number with an exponent behind the first half of its range (RFC 3376 4.1.1, RFC 3810 5.1.3),
/// of which `bits` count.
std::uint32_t float_code(std::uint32_t code, unsigned bits) noexcept {
    const std::uint32_t half = 1U << (bits - 1);
    if (code < half) {
        return code;
    }
    const unsigned mantissa_bits = bits - 4;
    const std::uint32_t mantissa = code & ((1U << mantissa_bits) - 1);
    return (mantissa | 1U << mantissa_bits) << ((code >> mantissa_bits & 7U) + 3);
}

/// Whether nobody has to be told of a group: all hosts, and what does not leave a node.
bool is_silent(const ip_address& group) noexcept {
    if (group.is_v4()) {
        return group.v4() == ipv4_address::all_hosts();
    }
    return group.v6() == ipv6_address::all_nodes() ||
           (std::to_integer<unsigned>(group.v6().bytes()[1]) & 15U) < 2;
}

std::vector<std::byte> header_of(std::uint8_t type, std::size_t size) {
    std::vector<std::byte> bytes(size);
    bytes[0] = std::byte{type};
    return bytes;
}

void append_address(std::vector<std::byte>& bytes, const ip_address& address) {
    if (address.is_v4()) {
        const auto part = address.v4().bytes();
        bytes.insert(bytes.end(), part.begin(), part.end());
    } else {
        const auto& part = address.v6().bytes();
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
}

/// Records for routers that know them.
std::vector<std::byte> write_records(std::span<const record> records, bool v6) {
    auto bytes =
        header_of(v6 ? icmpv6_type::listener_report_v2 : igmp_type::report_v3, report_header_size);
    store_be16(bytes.data() + 6, static_cast<std::uint16_t>(records.size()));
    for (const record& one : records) {
        bytes.push_back(static_cast<std::byte>(one.what));
        bytes.resize(bytes.size() + 3);
        append_address(bytes, one.group);
    }
    return bytes;
}

/// One group for routers that do not.
std::vector<std::byte> write_old(const record& what, version to, bool v6) {
    const bool left = what.what == record::kind::left;
    const std::uint8_t type = v6 && left               ? icmpv6_type::listener_done
                              : v6                     ? icmpv6_type::listener_report
                              : left                   ? igmp_type::leave
                              : to == version::igmp_v1 ? igmp_type::report_v1
                                                       : igmp_type::report_v2;
    auto bytes = header_of(type, v6 ? 8 : 4);
    append_address(bytes, what.group);
    return bytes;
}

} // namespace

bool has_router_alert(std::span<const std::byte> ipv6) noexcept {
    if (ipv6.size() < ipv6_header_size + 8 || ipv6[6] != std::byte{ip_protocol::hop_by_hop}) {
        return false;
    }
    const std::size_t size = (std::to_integer<std::size_t>(ipv6[41]) + 1) * 8;
    const auto all = ipv6.subspan(ipv6_header_size);
    const auto options = all.first(std::min(size, all.size()));
    for (std::size_t at = 2; at + 1 < options.size();) {
        if (options[at] == std::byte{5}) {
            return true;
        }
        at += options[at] == std::byte{0} ? 1 : 2 + std::to_integer<std::size_t>(options[at + 1]);
    }
    return false;
}

result<void> network_core::join_group(network_interface& on, const ip_address& group) {
    if (on.number == 0 || is_silent(group)) {
        return {};
    }
    if (!on.groups(group.family()).join(group)) {
        return fail(errc::limit_exceeded, on.options.name + " is in too many groups");
    }
    tell_ready();
    return {};
}

void network_core::leave_group(network_interface& on, const ip_address& group) {
    on.groups(group.family()).leave(group);
    tell_ready();
}

void network_core::on_group_timer(network_interface& on, time_point now) {
    for (const ip_family family : {ip_family::v4, ip_family::v6}) {
        group_reports& groups = on.groups(family);
        if (groups.deadline() > now) {
            continue;
        }
        const version to = groups.speaks(now);
        const std::vector<record> records = groups.on_timer(now);
        if (to == version::mld_v2) {
            const bool v6 = family == ip_family::v6;
            const std::size_t each = v6 ? 20 : 8;
            const std::size_t most = (on.mtu - 64) / each; // 64: more than the headers
            for (std::size_t at = 0; at < records.size(); at += most) {
                const auto part =
                    std::span(records).subspan(at, std::min(most, records.size() - at));
                send_group_message(on, v6 ? ip_address(mld_routers) : ip_address(igmp_routers),
                                   write_records(part, v6), now);
            }
            continue;
        }
        for (const record& one : records) {
            const bool left = one.what == record::kind::left;
            if (left && to == version::igmp_v1) {
                continue;
            }
            const ip_address all = family == ip_family::v6 ? ip_address(ipv6_address::all_routers())
                                                           : ip_address(all_routers_v4);
            send_group_message(on, left ? all : one.group,
                               write_old(one, to, family == ip_family::v6), now);
        }
    }
}

/// Sends a message with hop limit 1 and the option that makes routers look at it (RFC 2113, 2711).
void network_core::send_group_message(network_interface& over, const ip_address& to,
                                      std::vector<std::byte> message, time_point now) {
    ++counters.group_reports_sent;
    ip_header header;
    header.destination = to;
    header.hop_limit = 1;
    cached_way way = direct_way(over, to);
    frame_ptr one = frame::make();
    checksum sum;
    if (to.is_v4()) {
        const interface_address* const mine = over.any_address(ip_family::v4);
        header.source = mine != nullptr ? mine->prefix.address() : ip_address(ipv4_address::any());
        header.protocol = ip_protocol::igmp;
        header.traffic_class = 0xc0; // internetwork control (RFC 3376 4)
        constexpr std::size_t size = ipv4_header_size + router_alert_size_v4;
        std::byte* const ip = one->append(size);
        header.identification = identification++;
        write_ipv4(header, router_alert_size_v4 + message.size(),
                   std::span<std::byte, ipv4_header_size>(ip, ipv4_header_size));
        ip[0] = std::byte{0x46};
        store_be32(ip + ipv4_header_size, 0x9404'0000);
        store_be16(ip + 10, 0);
        store_be16(ip + 10, internet_checksum({ip, size}));
    } else {
        const auto mine = std::ranges::find_if(over.addresses, [](const interface_address& each) {
            return each.in_use() && each.prefix.address().is_v6() &&
                   each.prefix.address().is_link_local();
        });
        header.source =
            mine != over.addresses.end() ? mine->prefix.address() : ip_address(ipv6_address::any());
        header.protocol = ip_protocol::hop_by_hop;
        std::byte* const ip = one->append(ipv6_header_size + router_alert_size_v6);
        write_ipv6(header, 0, router_alert_size_v6 + message.size(),
                   std::span<std::byte, ipv6_header_size>(ip, ipv6_header_size));
        store_be64(ip + ipv6_header_size, 0x3a00'0502'0000'0100); // then ICMPv6
        sum = checksum::pseudo_header(header.source.v6(), to.v6(), ip_protocol::icmpv6,
                                      static_cast<std::uint32_t>(message.size()));
    }
    sum.add(message);
    store_be16(message.data() + 2, sum.value());
    one->add(buffer::copy_of(message));
    send_frame(way, std::move(one), now);
}

void network_core::receive_igmp(ip_packet& packet, time_point now) {
    const std::size_t size = packet.payload_size();
    packet.strip();
    const auto bytes = packet.data->front(std::min(size, frame::max_front));
    if (bytes.size() < 8 || bytes.size() < size) {
        drop(network_drop::truncated);
        return;
    }
    if (internet_checksum(bytes) != 0) {
        drop(network_drop::bad_transport_checksum);
        return;
    }
    if (bytes[0] != std::byte{igmp_type::query}) {
        return; // what other hosts say
    }
    const auto code = std::to_integer<std::uint32_t>(bytes[1]);
    const ipv4_address group(load_be32(bytes.data() + 4));
    const bool to_all = packet.header.destination == ip_address(ipv4_address::all_hosts());
    const bool sound = group.is_unspecified() ? to_all : group.is_multicast();
    if (packet.header.hop_limit != 1 || !sound || (size > 8 && size < 12)) {
        drop(network_drop::bad_group_message);
        return;
    }
    constexpr duration unit = std::chrono::milliseconds(100);
    if (size == 8) {
        packet.in->groups(ip_family::v4)
            .asked(code == 0 ? version::igmp_v1 : version::mld_v1, group,
                   code == 0 ? answer_of_v1 : unit * code, now);
        return;
    }
    packet.in->groups(ip_family::v4).asked(version::mld_v2, group, unit * float_code(code, 8), now);
}

void network_core::receive_listener_query(const ip_packet& packet,
                                          std::span<const std::byte> message, bool alert,
                                          time_point now) {
    const ip_header& ip = packet.header;
    if (message.size() < 24 || (message.size() > 24 && message.size() < 28) || ip.hop_limit != 1 ||
        !ip.source.is_link_local() || !alert) {
        drop(network_drop::bad_group_message);
        return;
    }
    const ip_address group = ipv6_address(message.subspan<8, 16>());
    if (!group.is_unspecified() && !group.is_multicast()) {
        drop(network_drop::bad_group_message);
        return;
    }
    const std::uint32_t code = load_be16(message.data() + 4);
    const bool old = message.size() == 24;
    packet.in->groups(ip_family::v6)
        .asked(old ? version::mld_v1 : version::mld_v2, group,
               std::chrono::milliseconds(old ? code : float_code(code, 16)), now);
}

} // namespace runnel::inline v0::stack
