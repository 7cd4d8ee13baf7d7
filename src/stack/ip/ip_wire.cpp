// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/ip_wire.hpp"

#include "runnel/core/checksum.hpp"

#include <cstring>

namespace runnel::inline v0::stack {
namespace {

constexpr std::uint16_t flag_dont_fragment = 0x4000;
constexpr std::uint16_t flag_more_fragments = 0x2000;
constexpr std::uint16_t fragment_offset_mask = 0x1fff;
constexpr int max_extension_headers = 8;

std::unexpected<network_drop> refuse(network_drop why) noexcept {
    return std::unexpected(why);
}

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return std::to_integer<std::uint8_t>(bytes[at]);
}

/// Goes through the options of an IPv6 header. What the upper two bits of an unknown option say is
/// done with the packet (RFC 8200 4.2): 00 skips the option, all else drops the packet.
bool options_allow(std::span<const std::byte> options) noexcept {
    constexpr std::uint8_t pad_1 = 0;
    constexpr std::uint8_t pad_n = 1;
    constexpr std::uint8_t router_alert = 5;
    for (std::size_t at = 0; at < options.size();) {
        const std::uint8_t kind = byte_at(options, at);
        if (kind == pad_1) {
            ++at;
            continue;
        }
        if (at + 2 > options.size()) {
            return false;
        }
        if (kind != pad_n && kind != router_alert && (kind & 0xc0U) != 0) {
            return false;
        }
        at += 2U + byte_at(options, at + 1);
        if (at > options.size()) {
            return false;
        }
    }
    return true;
}

/// The walk along the headers behind the one of IPv6.
class extension_walk {
public:
    extension_walk(std::span<const std::byte> bytes, ip_header& header) noexcept
        : bytes_(bytes), header_(header) {}

    std::optional<network_drop> run() noexcept {
        header_.next_header_place = 6;
        for (int count = 0; is_extension(header_.protocol); ++count) {
            const bool out_of_place = header_.protocol == ip_protocol::hop_by_hop && count != 0;
            if (count == max_extension_headers || out_of_place) {
                return network_drop::bad_header;
            }
            if (const auto why = step()) {
                return why;
            }
            if (header_.is_fragment()) {
                break;
            }
        }
        return std::nullopt;
    }

private:
    static bool is_extension(std::uint8_t protocol) noexcept {
        return protocol == ip_protocol::hop_by_hop || protocol == ip_protocol::routing ||
               protocol == ip_protocol::fragment || protocol == ip_protocol::destination_options;
    }

    std::optional<network_drop> step() noexcept {
        const std::size_t at = header_.header_size;
        if (at + 8 > bytes_.size()) {
            return network_drop::truncated;
        }
        const std::uint8_t kind = header_.protocol;
        const bool fragment = kind == ip_protocol::fragment;
        const std::size_t size = fragment ? 8 : (byte_at(bytes_, at + 1) + std::size_t{1}) * 8;
        if (at + size > bytes_.size()) {
            return network_drop::truncated;
        }
        if (fragment) {
            if (header_.unfragmentable_size != 0) {
                return network_drop::bad_header;
            }
            const std::uint16_t field = load_be16(bytes_.data() + at + 2);
            header_.fragment_offset = field & 0xfff8U;
            header_.more_fragments = (field & 1U) != 0;
            header_.identification = load_be32(bytes_.data() + at + 4);
            header_.unfragmentable_size = at;
        } else if (kind == ip_protocol::routing) {
            // Type 0 is dead (RFC 5095), and no other with segments left concerns a host.
            if (byte_at(bytes_, at + 3) != 0) {
                return network_drop::bad_header;
            }
        } else if (!options_allow(bytes_.subspan(at + 2, size - 2))) {
            return network_drop::bad_header;
        }
        header_.protocol = byte_at(bytes_, at);
        if (header_.unfragmentable_size == 0) {
            header_.next_header_place = at;
        }
        header_.header_size += size;
        return std::nullopt;
    }

    std::span<const std::byte> bytes_;
    ip_header& header_;
};

} // namespace

std::expected<ethernet_header, network_drop>
parse_ethernet(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() < ethernet_header_size) {
        return refuse(network_drop::truncated);
    }
    ethernet_header header;
    header.destination = mac_address(bytes.first<6>());
    header.source = mac_address(bytes.subspan<6, 6>());
    header.type = load_be16(bytes.data() + 12);
    if (header.type == ether_type::vlan) {
        if (bytes.size() < ethernet_header_size + vlan_tag_size) {
            return refuse(network_drop::truncated);
        }
        const std::uint16_t number = load_be16(bytes.data() + 14) & 0x0fffU;
        header.vlan = number != 0 ? std::optional(number) : std::nullopt;
        header.type = load_be16(bytes.data() + 16);
        header.size += vlan_tag_size;
    }
    return header;
}

std::size_t write_ethernet(const ethernet_header& header, std::span<std::byte> out) noexcept {
    std::byte* at = out.data();
    std::memcpy(at, header.destination.bytes().data(), 6);
    std::memcpy(at + 6, header.source.bytes().data(), 6);
    std::size_t size = ethernet_header_size;
    if (header.vlan) {
        store_be16(at + 12, ether_type::vlan);
        store_be16(at + 14, *header.vlan);
        size += vlan_tag_size;
    }
    store_be16(at + size - 2, header.type);
    return size;
}

std::expected<arp_message, network_drop> parse_arp(std::span<const std::byte> bytes) noexcept {
    constexpr std::uint16_t hardware_ethernet = 1;
    if (bytes.size() < arp_size) {
        return refuse(network_drop::truncated);
    }
    const std::uint16_t what = load_be16(bytes.data() + 6);
    if (load_be16(bytes.data()) != hardware_ethernet ||
        load_be16(bytes.data() + 2) != ether_type::ipv4 || byte_at(bytes, 4) != 6 ||
        byte_at(bytes, 5) != 4 || (what != 1 && what != 2)) {
        return refuse(network_drop::bad_arp);
    }
    arp_message message;
    message.what = static_cast<arp_message::kind>(what);
    message.sender_mac = mac_address(bytes.subspan<8, 6>());
    message.sender = ipv4_address(bytes.subspan<14, 4>());
    message.target_mac = mac_address(bytes.subspan<18, 6>());
    message.target = ipv4_address(bytes.subspan<24, 4>());
    return message;
}

void write_arp(const arp_message& message, std::span<std::byte, arp_size> out) noexcept {
    store_be16(out.data(), 1);
    store_be16(out.data() + 2, ether_type::ipv4);
    out[4] = std::byte{6};
    out[5] = std::byte{4};
    store_be16(out.data() + 6, static_cast<std::uint16_t>(message.what));
    std::memcpy(out.data() + 8, message.sender_mac.bytes().data(), 6);
    store_be32(out.data() + 14, message.sender.number());
    std::memcpy(out.data() + 18, message.target_mac.bytes().data(), 6);
    store_be32(out.data() + 24, message.target.number());
}

std::expected<void, network_drop> parse_ipv4(std::span<const std::byte> bytes,
                                             std::size_t available, ip_header& header) noexcept {
    if (bytes.size() < ipv4_header_size) {
        return refuse(network_drop::truncated);
    }
    header.header_size = (byte_at(bytes, 0) & 15U) * std::size_t{4};
    header.total_size = load_be16(bytes.data() + 2);
    if (byte_at(bytes, 0) >> 4U != 4 || header.header_size < ipv4_header_size ||
        header.total_size < header.header_size) {
        return refuse(network_drop::bad_header);
    }
    if (header.total_size > available || header.header_size > bytes.size()) {
        return refuse(network_drop::truncated);
    }
    if (internet_checksum(bytes.first(header.header_size)) != 0) {
        return refuse(network_drop::bad_ip_checksum);
    }
    header.traffic_class = byte_at(bytes, 1);
    header.identification = load_be16(bytes.data() + 4);
    const std::uint16_t fragmentation = load_be16(bytes.data() + 6);
    header.dont_fragment = (fragmentation & flag_dont_fragment) != 0;
    header.more_fragments = (fragmentation & flag_more_fragments) != 0;
    header.fragment_offset = (fragmentation & fragment_offset_mask) * 8U;
    header.hop_limit = byte_at(bytes, 8);
    header.protocol = byte_at(bytes, 9);
    header.source = ipv4_address(bytes.subspan<12, 4>());
    header.destination = ipv4_address(bytes.subspan<16, 4>());
    return {};
}

std::expected<void, network_drop> parse_ipv6(std::span<const std::byte> bytes,
                                             std::size_t available, ip_header& header) noexcept {
    if (bytes.size() < ipv6_header_size) {
        return refuse(network_drop::truncated);
    }
    const std::uint32_t first = load_be32(bytes.data());
    header.header_size = ipv6_header_size;
    header.total_size = ipv6_header_size + load_be16(bytes.data() + 4);
    if (first >> 28U != 6) {
        return refuse(network_drop::bad_header);
    }
    if (header.total_size > available) {
        return refuse(network_drop::truncated);
    }
    header.traffic_class = static_cast<std::uint8_t>(first >> 20U);
    header.protocol = byte_at(bytes, 6);
    header.hop_limit = byte_at(bytes, 7);
    header.source = ipv6_address(bytes.subspan<8, 16>());
    header.destination = ipv6_address(bytes.subspan<24, 16>());
    header.dont_fragment = true;
    const std::size_t whole = header.total_size;
    extension_walk walk(bytes.first(whole < bytes.size() ? whole : bytes.size()), header);
    if (const auto why = walk.run()) {
        return refuse(*why);
    }
    return {};
}

void write_ipv4(const ip_header& header, std::size_t payload,
                std::span<std::byte, ipv4_header_size> out) noexcept {
    out[0] = std::byte{0x45};
    out[1] = std::byte{header.traffic_class};
    store_be16(out.data() + 2, static_cast<std::uint16_t>(ipv4_header_size + payload));
    store_be16(out.data() + 4, static_cast<std::uint16_t>(header.identification));
    store_be16(out.data() + 6,
               static_cast<std::uint16_t>((header.dont_fragment ? flag_dont_fragment : 0U) |
                                          (header.more_fragments ? flag_more_fragments : 0U) |
                                          header.fragment_offset / 8));
    out[8] = std::byte{header.hop_limit};
    out[9] = std::byte{header.protocol};
    store_be16(out.data() + 10, 0);
    store_be32(out.data() + 12, header.source.v4().number());
    store_be32(out.data() + 16, header.destination.v4().number());
    store_be16(out.data() + 10, internet_checksum(out));
}

void write_ipv6(const ip_header& header, std::uint32_t flow_label, std::size_t payload,
                std::span<std::byte, ipv6_header_size> out) noexcept {
    store_be32(out.data(),
               6U << 28U | std::uint32_t{header.traffic_class} << 20U | (flow_label & 0xf'ffffU));
    store_be16(out.data() + 4, static_cast<std::uint16_t>(payload));
    out[6] = std::byte{header.protocol};
    out[7] = std::byte{header.hop_limit};
    std::memcpy(out.data() + 8, header.source.v6().bytes().data(), 16);
    std::memcpy(out.data() + 24, header.destination.v6().bytes().data(), 16);
}

} // namespace runnel::inline v0::stack
