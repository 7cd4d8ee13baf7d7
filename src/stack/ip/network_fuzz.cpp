// SPDX-License-Identifier: Apache-2.0
// Plays any frames at a host that listens, pings and has addresses of both families. Half of the
// frames get right lengths and checksums, so that they reach what is behind those checks.

#include "runnel/core/check.hpp"
#include "runnel/core/checksum.hpp"
#include "test_hosts.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace {

using namespace runnel;
using namespace runnel::stack;

constexpr mac_address mac_a(2, 0, 0, 0, 0, 1);
constexpr mac_address mac_b(2, 0, 0, 0, 0, 2);

/// Takes bytes off the front.
class input {
public:
    explicit input(std::span<const std::byte> bytes) : rest_(bytes) {}
    [[nodiscard]] bool empty() const { return rest_.empty(); }
    std::uint8_t number() {
        if (rest_.empty()) {
            return 0;
        }
        const auto value = std::to_integer<std::uint8_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }
    std::span<const std::byte> take(std::size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const std::byte> rest_;
};

/// Where the checksum of a protocol stands, or -1.
int checksum_place(std::uint8_t protocol) {
    switch (protocol) {
    case ip_protocol::tcp:
        return 16;
    case ip_protocol::udp:
        return 6;
    case ip_protocol::icmp:
    case ip_protocol::icmpv6:
    case ip_protocol::igmp:
        return 2;
    default:
        return -1;
    }
}

frame_ptr ethernet(std::uint16_t type, std::span<const std::byte> payload) {
    frame_ptr one = frame::make();
    write_ethernet({mac_a, mac_b, type, {}}, {one->append(14), 14});
    if (!payload.empty()) {
        one->add(buffer::copy_of(payload));
    }
    return one;
}

frame_ptr packet(input& from, bool v6) {
    constexpr std::array<std::uint8_t, 9> protocols{
        ip_protocol::tcp,      ip_protocol::udp,        ip_protocol::icmp,    ip_protocol::icmpv6,
        ip_protocol::fragment, ip_protocol::hop_by_hop, ip_protocol::routing, 99,
        ip_protocol::igmp};
    ip_header header;
    header.protocol = protocols[from.number() % protocols.size()];
    const std::uint8_t flags = from.number();
    const auto payload = from.take(from.number());
    std::vector<std::byte> bytes(payload.begin(), payload.end());
    const int place = checksum_place(header.protocol);
    header.source = test_address(v6 ? "fd00::2" : "10.0.0.2");
    header.destination = test_address(v6 ? "fd00::1" : "10.0.0.1");
    if (v6 && (flags & 1U) != 0) {
        header.source = test_address("fe80::2");
        header.hop_limit = 255;
    } else if (header.protocol == ip_protocol::igmp) {
        header.hop_limit = 1;
        header.destination = test_address(v6 ? "ff02::1" : "224.0.0.1");
    }
    header.identification = flags >> 6U;
    header.more_fragments = !v6 && (flags & 2U) != 0;
    header.fragment_offset = v6 ? 0 : (flags >> 2U & 15U) * 8U;
    if (place >= 0 && bytes.size() >= static_cast<std::size_t>(place) + 2) {
        std::byte* const field = bytes.data() + place;
        store_be16(field, 0);
        checksum sum;
        if (v6) {
            sum =
                checksum::pseudo_header(header.source.v6(), header.destination.v6(),
                                        header.protocol, static_cast<std::uint32_t>(bytes.size()));
        } else if (header.protocol != ip_protocol::icmp && header.protocol != ip_protocol::igmp) {
            sum =
                checksum::pseudo_header(header.source.v4(), header.destination.v4(),
                                        header.protocol, static_cast<std::uint16_t>(bytes.size()));
        }
        sum.add(bytes);
        store_be16(field, sum.value());
    }
    std::array<std::byte, ipv6_header_size> ip{};
    const std::size_t size = v6 ? ipv6_header_size : ipv4_header_size;
    if (v6) {
        write_ipv6(header, 0, bytes.size(), ip);
    } else {
        write_ipv4(header, bytes.size(), std::span(ip).first<ipv4_header_size>());
    }
    bytes.insert(bytes.begin(), ip.begin(), ip.begin() + static_cast<std::ptrdiff_t>(size));
    return ethernet(v6 ? ether_type::ipv6 : ether_type::ipv4, bytes);
}

void play(input from) {
    test_lan lan;
    test_host& host = lan.add();
    auto [ours, theirs] = make_memory_pair({}, mac_a, mac_b);
    host.net.add_interface(std::move(ours), {}, lan.now());
    (void)host.net.add_address(1, test_prefix("10.0.0.1/24"), lan.now());
    (void)host.net.add_address(1, test_prefix("fd00::1/64"), lan.now());
    lan.run_for(std::chrono::seconds(2));
    test_listener server(lan, host, 100);
    (void)host.tcp.listen({test_address("::"), 80}, {}, server, lan.now());
    while (!from.empty()) {
        const std::uint8_t what = from.number();
        switch (what % 8) {
        case 0:
            lan.run_for(std::chrono::milliseconds(from.number() * 40));
            break;
        case 1: {
            const auto raw = from.take(from.number());
            frame_ptr one = frame::make();
            if (!raw.empty()) {
                one->add(buffer::copy_of(raw));
            }
            theirs->send(frame_list(std::move(one)), lan.now());
            break;
        }
        case 2:
            theirs->send(frame_list(ethernet(ether_type::arp, from.take(28))), lan.now());
            break;
        default:
            theirs->send(frame_list(packet(from, what % 2 == 0)), lan.now());
        }
        lan.settle();
        (void)theirs->receive(1000, lan.now());
    }
    check(host.net.neighbours(1).size() <= 2000, "what strangers say is bounded");
    server.streams.clear();
    host.tcp.disconnect(lan.now());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    play(input(std::as_bytes(std::span(data, std::min<std::size_t>(size, 4096)))));
    return 0;
}
