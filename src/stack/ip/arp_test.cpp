// SPDX-License-Identifier: Apache-2.0
// ARP and VLANs, and what strangers on a link can make a host remember.
#include "runnel/core/random.hpp"
#include "test_wire.hpp"

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using kind = arp_message::kind;

interface_options only_v4() {
    interface_options options;
    options.ipv6 = false;
    return options;
}

arp_message request(ipv4_address from, ipv4_address target, mac_address mac = wire_mac_b) {
    arp_message out;
    out.sender_mac = mac;
    out.sender = from;
    out.target = target;
    return out;
}

constexpr ipv4_address us(10, 0, 0, 1);
constexpr ipv4_address them(10, 0, 0, 2);

TEST(ArpMessage, IsReadAsItWasWrittenAndRefusedInShort) {
    prng dice(1);
    for (int i = 0; i < 1000; ++i) {
        std::array<std::byte, 20> part{};
        dice.fill(part);
        arp_message one;
        one.what = dice.below(2) == 0 ? kind::request : kind::reply;
        one.sender_mac = mac_address(std::span<const std::byte, 6>(part.data(), 6));
        one.target_mac = mac_address(std::span<const std::byte, 6>(part.data() + 6, 6));
        one.sender = ipv4_address(load_be32(part.data() + 12));
        one.target = ipv4_address(load_be32(part.data() + 16));
        std::array<std::byte, arp_size> bytes{};
        write_arp(one, bytes);
        EXPECT_EQ(parse_arp(bytes), one);
        EXPECT_FALSE(parse_arp(std::span(bytes).first(dice.below(arp_size))));
        store_be16(bytes.data() + 6, static_cast<std::uint16_t>(3 + dice.below(65'533)));
        EXPECT_FALSE(parse_arp(bytes)); // an operation of others
    }
}

TEST(Arp, AnswersForOthersWhereItIsToldTo) {
    interface_options options = only_v4();
    options.proxy_arp = {test_prefix("10.0.1.0/30")};
    test_wire wire(options);
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/16"), wire.lan.now()));
    (void)wire.frames();
    wire.put_arp(request(them, ipv4_address(10, 0, 1, 2)));
    const auto answers = wire.arps();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].what, kind::reply);
    EXPECT_EQ(answers[0].sender, ipv4_address(10, 0, 1, 2));
    EXPECT_EQ(answers[0].sender_mac, wire_mac_a);
    wire.put_arp(request(them, ipv4_address(10, 0, 1, 4))); // outside of that network
    wire.put_arp(request(them, them));                      // somebody's announcement
    EXPECT_TRUE(wire.arps().empty());
}

TEST(Arp, AnswersQuestionsToAllAndToItAlone) {
    test_wire wire(only_v4());
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    const auto announced = wire.arps();
    ASSERT_EQ(announced.size(), 1U);
    EXPECT_EQ(announced[0].sender, us);
    EXPECT_EQ(announced[0].target, us);
    wire.put_arp(request(them, us));
    wire.put_arp(request(them, us), wire_mac_a);
    EXPECT_EQ(wire.arps().size(), 2U);
    ASSERT_TRUE(wire.host.net.remove_address(us, wire.lan.now()));
    wire.put_arp(request(them, us));
    EXPECT_TRUE(wire.arps().empty());
}

TEST(Arp, BelievesAnnouncementsOfNeighboursItKnowsAndOfNoOther) {
    test_wire wire(only_v4());
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    const mac_address moved(2, 7, 7, 7, 7, 7);
    wire.put_arp(request(them, them));
    EXPECT_TRUE(wire.host.net.neighbours(1).empty());
    wire.put_arp(request(them, us));
    wire.put_arp(request(them, them, moved));
    const auto known = wire.host.net.neighbours(1);
    ASSERT_EQ(known.size(), 1U);
    EXPECT_EQ(known[0].mac, moved);
    wire.host.net.set_neighbour(1, them, wire_mac_b);
    wire.put_arp(request(them, them, moved)); // set by hand, it stays
    EXPECT_EQ(wire.host.net.neighbours(1)[0].mac, wire_mac_b);
}

/// A host that looks whether an address is free.
class ArpProbe : public testing::Test {
protected:
    ArpProbe() {
        EXPECT_TRUE(
            wire_.host.net.add_checked_address(1, test_prefix("10.0.0.1/24"), wire_.lan.now()));
    }
    [[nodiscard]] address_state state() { return wire_.host.net.addresses().back().state; }
    test_wire wire_{only_v4()};
};

TEST_F(ArpProbe, AsksThreeTimesAndAnnouncesTheAddress) {
    EXPECT_EQ(state(), address_state::tentative);
    EXPECT_FALSE(wire_.host.net.is_ours(us));
    wire_.put_arp(request(them, us));
    wire_.lan.run_for(2s);
    const auto sent = wire_.arps();
    ASSERT_EQ(sent.size(), 4U); // and no answer to the question
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(sent[i].sender.is_unspecified());
        EXPECT_EQ(sent[i].target, us);
    }
    EXPECT_EQ(sent[3].sender, us);
    EXPECT_EQ(state(), address_state::preferred);
    EXPECT_TRUE(wire_.host.net.is_ours(us));
}

TEST_F(ArpProbe, GivesWayToWhoeverHasTheAddress) {
    arp_message reply = request(us, ipv4_address());
    reply.what = kind::reply;
    wire_.put_arp(reply);
    EXPECT_EQ(state(), address_state::duplicate);
    wire_.lan.run_for(2s);
    EXPECT_EQ(state(), address_state::duplicate);
    EXPECT_FALSE(wire_.host.net.is_ours(us));
    wire_.put_arp(request(them, us));
    EXPECT_EQ(wire_.arps().size(), 1U); // only the first probe
}

TEST_F(ArpProbe, GivesWayToWhoeverAsksForItAtTheSameTime) {
    wire_.put_arp(request(ipv4_address(), us, wire_mac_a)); // our own, come back
    EXPECT_EQ(state(), address_state::tentative);
    wire_.put_arp(request(ipv4_address(), us));
    EXPECT_EQ(state(), address_state::duplicate);
    EXPECT_EQ(wire_.host.net.counters().address_conflicts, 1U);
}

TEST(Vlan, CarriesAndTakesFramesOfItsNumberOnly) {
    interface_options options = only_v4();
    options.vlan = 42;
    test_wire wire(options);
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    (void)wire.frames();
    for (const std::optional<std::uint16_t> tag :
         {std::optional<std::uint16_t>(), std::optional<std::uint16_t>(43),
          std::optional<std::uint16_t>(42)}) {
        wire.vlan = tag;
        wire.put_arp(request(them, us));
    }
    EXPECT_EQ(wire.host.net.counters().drops(network_drop::unknown_frame), 2U);
    auto sent = wire.frames();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(parse_ethernet(sent[0]->front(18))->vlan, 42);
    // Everything that IP sends, too.
    ASSERT_TRUE(wire.host.net.send_echo(them, 1, 1, {}, 64, wire.lan.now()));
    sent = wire.frames();
    ASSERT_EQ(sent.size(), 2U); // and the question whether the neighbour is still there
    std::size_t packets = 0;
    for (const frame_ptr& one : sent) {
        const auto header = parse_ethernet(one->front(18));
        EXPECT_EQ(header->vlan, 42);
        packets += header->type == ether_type::ipv4 ? 1U : 0U;
    }
    EXPECT_EQ(packets, 1U);
}

TEST(Vlan, OfTwoHostsCarriesATransfer) {
    test_lan lan;
    test_host& a = lan.add();
    test_host& b = lan.add();
    interface_options options;
    options.vlan = 7;
    auto [one, two] = make_memory_pair({}, wire_mac_a, wire_mac_b);
    a.net.add_interface(std::move(one), options, lan.now());
    b.net.add_interface(std::move(two), options, lan.now());
    ASSERT_TRUE(a.net.add_address(1, test_prefix("10.0.0.1/24"), lan.now()));
    ASSERT_TRUE(b.net.add_address(1, test_prefix("10.0.0.2/24"), lan.now()));
    test_listener server(lan, b, 200'000);
    ASSERT_TRUE(b.tcp.listen({test_address("0.0.0.0"), 80}, {}, server, lan.now()));
    test_stream client(lan, a.tcp, 200'000, 1);
    const auto entry = a.tcp.connect({test_address("10.0.0.2"), 80}, {}, client, lan.now());
    ASSERT_TRUE(entry);
    client.begin(**entry);
    EXPECT_TRUE(lan.run_until([&] { return client.ended && server.streams[0].ended; }));
    EXPECT_TRUE(client.right && client.read == 200'000);
}

TEST(Bounds, OfNeighboursThatStrangersIntroduce) {
    network_options few;
    few.neighbours.capacity = 8;
    test_wire wire(only_v4(), few);
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/16"), wire.lan.now()));
    wire.host.net.set_neighbour(1, them, wire_mac_b);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        wire.put_arp(request(ipv4_address(0x0a00'0100U + i), us));
    }
    const auto known = wire.host.net.neighbours(1);
    EXPECT_EQ(known.size(), 9U); // and the one set by hand
    EXPECT_EQ(known[0].state, neighbour_state::permanent);
    EXPECT_EQ(known[8].address, ip_address(ipv4_address(0x0a00'0100U + 999)));
}

TEST(Bounds, OfFramesThatWaitForANeighbour) {
    test_wire wire(only_v4());
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    for (std::uint16_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(wire.host.net.send_echo(them, 1, i, {}, 64, wire.lan.now()));
    }
    EXPECT_EQ(wire.host.net.counters().drops(network_drop::neighbour_queue_full), 68U);
    (void)wire.frames();
    arp_message reply = request(them, us);
    reply.what = kind::reply;
    wire.put_arp(reply);
    EXPECT_EQ(wire.frames().size(), 32U);
}

TEST(Bounds, OfPathMtusThatRoutersClaim) {
    test_wire wire(only_v4());
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/16"), wire.lan.now()));
    const auto mtu = [&](std::uint32_t i) {
        return wire.host.net.way(us, ipv4_address(0x0a00'0100U + i)).mtu;
    };
    for (std::uint32_t i = 0; i < 400; ++i) {
        const ipv4_address to(0x0a00'0100U + i);
        wire.host.net.set_neighbour(1, to, wire_mac_b);
        ASSERT_TRUE(wire.host.net.send_echo(to, 1, 1, {}, 64, wire.lan.now()));
        std::vector<std::byte> bytes(20 + 8 + 20 + 8);
        ip_header ip;
        ip.source = them;
        ip.destination = us;
        ip.protocol = ip_protocol::icmp;
        write_ipv4(ip, 36, std::span<std::byte, 20>(bytes.data(), 20));
        bytes[20] = std::byte{3};
        bytes[21] = std::byte{4};
        store_be16(bytes.data() + 26, 1000);
        ip.source = us;
        ip.destination = to;
        write_ipv4(ip, 8, std::span<std::byte, 20>(bytes.data() + 28, 20));
        store_be16(bytes.data() + 22, internet_checksum(std::span(bytes).subspan(20)));
        wire.put({wire_mac_a, wire_mac_b, ether_type::ipv4, {}}, bytes);
        EXPECT_EQ(mtu(i), 1000U) << i;
    }
    std::size_t known = 0;
    for (std::uint32_t i = 0; i < 400; ++i) {
        known += mtu(i) == 1000 ? 1U : 0U;
    }
    EXPECT_EQ(known, 256U);
}

TEST(Bounds, OfRoutes) {
    test_wire wire(only_v4());
    std::size_t added = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const route one{ip_prefix(ipv4_address(i << 12U), 20), them, 1, 0};
        added += wire.host.net.add_route(one) ? 1U : 0U;
    }
    EXPECT_LE(added, route_table::capacity);
    EXPECT_GE(added, route_table::capacity - 8);
}

TEST(Mtus, OfTwoHostsMayDiffer) {
    for (const bool large_client : {false, true}) {
        test_lan lan;
        test_host& a = lan.add();
        test_host& b = lan.add();
        memory_link_options cable;
        cable.mtu = 9000;
        auto [one, two] = make_memory_pair(cable, wire_mac_a, wire_mac_b);
        interface_options small = only_v4();
        small.mtu = 1500;
        a.net.add_interface(std::move(one), large_client ? only_v4() : small, lan.now());
        b.net.add_interface(std::move(two), large_client ? small : only_v4(), lan.now());
        ASSERT_TRUE(a.net.add_address(1, test_prefix("10.0.0.1/24"), lan.now()));
        ASSERT_TRUE(b.net.add_address(1, test_prefix("10.0.0.2/24"), lan.now()));
        test_listener server(lan, b, 70'000);
        ASSERT_TRUE(b.tcp.listen({test_address("0.0.0.0"), 80}, {}, server, lan.now()));
        test_stream client(lan, a.tcp, 70'000, 1);
        const auto entry = a.tcp.connect({test_address("10.0.0.2"), 80}, {}, client, lan.now());
        ASSERT_TRUE(entry);
        client.begin(**entry);
        EXPECT_TRUE(lan.run_until([&] { return client.ended && server.streams[0].ended; }));
        EXPECT_TRUE(client.right && client.read == 70'000);
        EXPECT_TRUE(server.streams[0].right && server.streams[0].read == 70'000);
    }
}

TEST(Icmp, OfTooFewBytesIsDropped) {
    test_wire wire(only_v4());
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    for (std::size_t size = 0; size < 8; ++size) {
        std::vector<std::byte> bytes(20 + size);
        ip_header ip;
        ip.source = them;
        ip.destination = us;
        ip.protocol = ip_protocol::icmp;
        write_ipv4(ip, size, std::span<std::byte, 20>(bytes.data(), 20));
        wire.put({wire_mac_a, wire_mac_b, ether_type::ipv4, {}}, bytes);
    }
    EXPECT_EQ(wire.host.net.counters().drops(network_drop::truncated), 8U);
}

} // namespace
