// SPDX-License-Identifier: Apache-2.0
// What routers advertise, and addresses that are made of it.
#include "icmp.hpp"
#include "test_wire.hpp"

#include <algorithm>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

std::vector<std::byte> advertisement(std::uint16_t lifetime) {
    std::vector<std::byte> out(16);
    out[0] = std::byte{icmpv6_type::router_advertisement};
    out[4] = std::byte{64};
    store_be16(out.data() + 6, lifetime);
    return out;
}

std::vector<std::byte> prefix_option(std::uint32_t valid, std::uint32_t preferred,
                                     std::string_view prefix = "fd01::", std::uint8_t length = 64,
                                     std::uint8_t flags = 0xc0) {
    std::vector<std::byte> out(32);
    out[0] = std::byte{3};
    out[1] = std::byte{4};
    out[2] = std::byte{length};
    out[3] = std::byte{flags};
    store_be32(out.data() + 4, valid);
    store_be32(out.data() + 8, preferred);
    std::memcpy(out.data() + 16, test_address(prefix).v6().bytes().data(), 16);
    return out;
}

std::vector<std::byte> name_server_option(std::uint32_t lifetime,
                                          std::initializer_list<std::string_view> servers) {
    std::vector<std::byte> out(8);
    out[0] = std::byte{25};
    out[1] = static_cast<std::byte>(1 + 2 * servers.size());
    store_be32(out.data() + 4, lifetime);
    for (const std::string_view one : servers) {
        const ipv6_address::byte_array bytes = test_address(one).v6().bytes();
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
}

/// A host on a link with routers.
class Router : public testing::Test {
protected:
    Router() { wire_.lan.run_for(2s); }

    void advertise(std::vector<std::byte> message, const std::vector<std::byte>& option = {},
                   std::string_view router = "fe80::9", std::uint8_t hops = 255) {
        message.insert(message.end(), option.begin(), option.end());
        wire_.put_icmpv6(router, "ff02::1", std::move(message), hops);
    }
    [[nodiscard]] std::optional<address_state> state(std::string_view address) const {
        for (const address_info& one : wire_.host.net.addresses()) {
            if (one.prefix.address() == test_address(address)) {
                return one.state;
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] std::size_t gateways() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(wire_.host.net.routes(), [](const route& one) {
                return one.destination.length() == 0 && one.gateway.has_value();
            }));
    }
    [[nodiscard]] std::uint64_t refused() const {
        return wire_.host.net.counters().drops(network_drop::bad_neighbour_message);
    }
    static constexpr std::string_view made = "fd01::ff:fe00:1";

    test_wire wire_{{}};
};

TEST_F(Router, IsAskedForThreeTimesUnlessOneAnswers) {
    const auto asked = [](test_wire& wire) {
        std::size_t count = 0;
        for (const frame_ptr& one : wire.frames()) {
            const auto bytes = one->front(std::min<std::size_t>(one->size(), 55));
            count += bytes.size() == 55 && load_be16(bytes.data() + 12) == ether_type::ipv6 &&
                             bytes[54] == std::byte{icmpv6_type::router_solicitation}
                         ? 1U
                         : 0U;
        }
        return count;
    };
    wire_.lan.run_for(1min);
    EXPECT_EQ(asked(wire_), 3U);
    test_wire other{interface_options()};
    other.lan.run_for(2s);
    EXPECT_EQ(asked(other), 1U);
    other.put_icmpv6("fe80::9", "ff02::1", advertisement(1800));
    other.lan.run_for(1min);
    EXPECT_EQ(asked(other), 0U);
}

TEST_F(Router, GivesAnAddressForAsLongAsItSays) {
    advertise(advertisement(1800), prefix_option(7200, 3600));
    EXPECT_EQ(state(made), address_state::tentative);
    wire_.lan.run_for(2s);
    EXPECT_EQ(state(made), address_state::preferred);
    EXPECT_EQ(*wire_.host.net.source_for(test_address("fd01::2")), test_address(made));
    wire_.lan.run_for(1h);
    EXPECT_EQ(state(made), address_state::deprecated);
    EXPECT_TRUE(wire_.host.net.is_ours(test_address(made)));
    advertise(advertisement(1800), prefix_option(7200, 3600));
    EXPECT_EQ(state(made), address_state::preferred); // again
    wire_.lan.run_for(2h);
    EXPECT_EQ(state(made), std::nullopt);
    EXPECT_FALSE(wire_.host.net.is_ours(test_address(made)));
}

TEST_F(Router, CannotEndAnAddressWithOneMessage) {
    advertise(advertisement(1800), prefix_option(100'000, 50'000));
    wire_.lan.run_for(2s);
    advertise(advertisement(1800), prefix_option(1, 0)); // RFC 4862 5.5.3 (e)
    wire_.lan.run_for(2h - 5s);
    EXPECT_TRUE(wire_.host.net.is_ours(test_address(made)));
    wire_.lan.run_for(10s);
    EXPECT_EQ(state(made), std::nullopt);
}

TEST_F(Router, MakesAddressesOnlyOfPrefixesThatCanBe) {
    advertise(advertisement(1800), prefix_option(100, 200)); // preferred for longer than valid
    advertise(advertisement(1800), prefix_option(100, 50, "fd01::", 56));
    advertise(advertisement(1800), prefix_option(100, 50, "fe80::"));
    advertise(advertisement(1800), prefix_option(100, 50, "ff05::"));
    advertise(advertisement(1800), prefix_option(100, 50, "fd01::", 64, 0x80)); // not for that
    advertise(advertisement(1800), prefix_option(0, 0));
    wire_.lan.run_for(2s);
    EXPECT_EQ(wire_.host.net.addresses().size(), 3U);
    for (int i = 1; i < 100; ++i) {
        advertise(advertisement(1800), prefix_option(7200, 3600, "fd" + std::to_string(i) + "::"));
    }
    EXPECT_LE(wire_.host.net.addresses().size(), 3U + 16U);
}

TEST_F(Router, IsUsedForAsLongAsItSays) {
    advertise(advertisement(1800));
    EXPECT_EQ(gateways(), 1U);
    wire_.lan.run_for(20min);
    advertise(advertisement(1800));
    wire_.lan.run_for(29min);
    EXPECT_EQ(gateways(), 1U);
    wire_.lan.run_for(2min);
    EXPECT_EQ(gateways(), 0U);
    advertise(advertisement(1800));
    EXPECT_EQ(gateways(), 1U);
    advertise(advertisement(0)); // it goes
    EXPECT_EQ(gateways(), 0U);
}

TEST_F(Router, IsOneOfAFew) {
    for (int i = 1; i <= 50; ++i) {
        advertise(advertisement(1800), {}, "fe80::" + std::to_string(i));
    }
    EXPECT_EQ(gateways(), 8U);
}

TEST_F(Router, TellsNameServersForAsLongAsItSays) {
    advertise(advertisement(1800), name_server_option(600, {"fd01::53", "fe80::53"}));
    EXPECT_EQ(wire_.host.net.advertised_name_servers(),
              (std::vector<ip_address>{test_address("fd01::53"), test_address("fe80::53")}));
    advertise(advertisement(1800), name_server_option(0, {"fd01::53"}));
    EXPECT_EQ(wire_.host.net.advertised_name_servers(),
              std::vector<ip_address>{test_address("fe80::53")});
    wire_.lan.run_for(11min);
    EXPECT_TRUE(wire_.host.net.advertised_name_servers().empty());
    for (int i = 1; i <= 50; ++i) {
        advertise(advertisement(1800), name_server_option(600, {"fd01::" + std::to_string(i)}));
    }
    EXPECT_EQ(wire_.host.net.advertised_name_servers().size(), 8U);
}

TEST_F(Router, IsOfThisLinkOrNotBelieved) {
    advertise(advertisement(1800), {}, "fd01::9");      // no address of the link
    advertise(advertisement(1800), {}, "fe80::9", 254); // it was forwarded
    auto endless = advertisement(1800);
    endless.resize(24); // an option of no length
    advertise(endless);
    auto cut = advertisement(1800);
    cut.resize(15);
    wire_.put_icmpv6("fe80::9", "ff02::1", cut);
    EXPECT_EQ(gateways(), 0U);
    EXPECT_EQ(refused(), 4U);
}

TEST_F(Router, MakesTheLinksMtuSmallerAndNotTooSmall) {
    const auto mtu_option = [](std::uint32_t mtu) {
        std::vector<std::byte> out(8);
        out[0] = std::byte{5};
        out[1] = std::byte{1};
        store_be32(out.data() + 4, mtu);
        return out;
    };
    const auto mtu = [&] { return wire_.host.net.way({}, test_address("fe80::9")).mtu; };
    advertise(advertisement(1800), mtu_option(9000));
    EXPECT_EQ(mtu(), 1500U);
    advertise(advertisement(1800), mtu_option(1279));
    EXPECT_EQ(mtu(), 1500U);
    advertise(advertisement(1800), mtu_option(1400));
    EXPECT_EQ(mtu(), 1400U);
}

TEST_F(Router, ErrorsAreLimitedInNumber) {
    // Nobody listens at these ports: an error each, but not for all of a flood.
    for (int i = 0; i < 200; ++i) {
        std::vector<std::byte> bytes(48);
        ip_header ip;
        ip.source = test_address("fe80::9");
        ip.destination = test_address("fe80::ff:fe00:1");
        ip.protocol = ip_protocol::udp;
        write_ipv6(ip, 0, 8, std::span<std::byte, 40>(bytes.data(), 40));
        store_be16(bytes.data() + 42, static_cast<std::uint16_t>(1000 + i));
        store_be16(bytes.data() + 44, 8);
        checksum sum = checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), 17, 8);
        sum.add(std::span(bytes).subspan(40));
        store_be16(bytes.data() + 46, sum.udp_value());
        wire_.put({wire_mac_a, wire_mac_b, ether_type::ipv6, {}}, bytes);
    }
    EXPECT_EQ(wire_.host.net.counters().icmp_withheld, 150U);
}

TEST_F(Router, AndAllOthersFindTheHostByItsAddress) {
    std::vector<std::byte> question(32);
    question[0] = std::byte{icmpv6_type::neighbour_solicitation};
    const auto target = test_address("fe80::ff:fe00:1").v6();
    std::memcpy(question.data() + 8, target.bytes().data(), 16);
    question[24] = std::byte{1}; // where the one who asks is
    question[25] = std::byte{1};
    std::memcpy(question.data() + 26, wire_mac_b.bytes().data(), 6);
    (void)wire_.frames();
    wire_.put_icmpv6("fe80::9", "ff02::1:ff00:1", question);
    const auto sent = wire_.frames();
    const auto found = std::ranges::find_if(sent, [](const frame_ptr& one) {
        const auto bytes = one->front(86);
        return !bytes.empty() && bytes[54] == std::byte{icmpv6_type::neighbour_advertisement};
    });
    ASSERT_NE(found, sent.end());
    const auto answer = (*found)->front(86);
    EXPECT_EQ(parse_ethernet(answer)->destination, wire_mac_b);
    EXPECT_EQ(answer[58], std::byte{0x60}); // asked for, and to be believed
    EXPECT_EQ(std::memcmp(answer.data() + 62, target.bytes().data(), 16), 0);
    EXPECT_EQ(std::memcmp(answer.data() + 80, wire_mac_a.bytes().data(), 6), 0);
    question[25] = std::byte{0};
    wire_.put_icmpv6("fe80::9", "ff02::1:ff00:1", question);
    question[25] = std::byte{1};
    wire_.put_icmpv6("fe80::9", "ff02::1:ff00:1", question, 254);
    wire_.put_icmpv6("::", "ff02::1:ff00:1", question); // who has no address has no place
    EXPECT_TRUE(wire_.frames().empty());
    EXPECT_EQ(refused(), 3U);
}

} // namespace
