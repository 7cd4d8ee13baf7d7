// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/checksum.hpp"
#include "test_hosts.hpp"

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace runnel::inline v0::stack {

inline constexpr mac_address wire_mac_a{2, 0, 0, 0, 0, 1};
inline constexpr mac_address wire_mac_b{2, 0, 0, 0, 0, 2};

/// A host, and the other end of its cable, at which a test plays everybody else.
class test_wire {
public:
    explicit test_wire(const interface_options& options, const network_options& how = {})
        : host(lan.add(how)) {
        auto [ours, theirs] = make_memory_pair({}, wire_mac_a, wire_mac_b);
        end_ = std::move(theirs);
        host.net.add_interface(std::move(ours), options, lan.now());
    }

    /// What the host sent since the last call.
    std::vector<frame_ptr> frames() {
        lan.settle();
        std::vector<frame_ptr> out;
        frame_list come = end_->receive(10'000, lan.now());
        while (!come.empty()) {
            out.push_back(come.pop_front());
        }
        return out;
    }
    std::vector<arp_message> arps() {
        std::vector<arp_message> out;
        for (const frame_ptr& one : frames()) {
            const auto ethernet = parse_ethernet(one->front(18));
            if (ethernet && ethernet->type == ether_type::arp) {
                one->remove_prefix(ethernet->size);
                out.push_back(*parse_arp(one->front(28)));
            }
        }
        return out;
    }
    void put(const ethernet_header& header, std::span<const std::byte> payload) {
        frame_ptr one = frame::make();
        const std::size_t size = header.vlan ? 18 : 14;
        write_ethernet(header, {one->append(size), size});
        one->add(buffer::copy_of(payload));
        end_->send(frame_list(std::move(one)), lan.now());
        lan.settle();
    }
    void put_arp(const arp_message& message, mac_address to = mac_address::broadcast()) {
        std::array<std::byte, arp_size> bytes{};
        write_arp(message, bytes);
        put({to, wire_mac_b, ether_type::arp, vlan}, bytes);
    }
    /// A message of ICMPv6 with its checksum.
    void put_icmpv6(std::string_view from, std::string_view to, std::vector<std::byte> message,
                    std::uint8_t hops = 255) {
        ip_header ip;
        ip.source = test_address(from);
        ip.destination = test_address(to);
        ip.protocol = ip_protocol::icmpv6;
        ip.hop_limit = hops;
        checksum sum = checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), ip.protocol,
                                               static_cast<std::uint32_t>(message.size()));
        sum.add(message);
        store_be16(message.data() + 2, sum.value());
        std::vector<std::byte> bytes(ipv6_header_size);
        write_ipv6(ip, 0, message.size(),
                   std::span<std::byte, ipv6_header_size>(bytes.data(), ipv6_header_size));
        bytes.insert(bytes.end(), message.begin(), message.end());
        put({mac_address(0x33, 0x33, 0, 0, 0, 1), wire_mac_b, ether_type::ipv6, vlan}, bytes);
    }

    test_lan lan;
    test_host& host;
    std::optional<std::uint16_t> vlan; // of what is put

private:
    std::unique_ptr<link> end_;
};

} // namespace runnel::inline v0::stack
