// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_address.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace runnel {
namespace {

static_assert(std::is_trivially_copyable_v<ip_address> && sizeof(ip_address) == 24);
static_assert(std::is_trivially_copyable_v<ipv4_address> && sizeof(ipv4_address) == 4);
static_assert(std::is_trivially_copyable_v<ipv6_address> && sizeof(ipv6_address) == 20);

ipv4_address v4(std::string_view text) {
    return ipv4_address::parse(text).value();
}

ipv6_address v6(std::string_view text) {
    return ipv6_address::parse(text).value();
}

/// Bytes that are often zero, so that addresses have runs of them.
ipv6_address random_ipv6(prng& rng) {
    ipv6_address::byte_array bytes{};
    const std::uint64_t zeros = rng();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>((zeros >> i & 1U) != 0 ? 0 : rng.below(256));
    }
    const bool scoped = rng.below(4) == 0;
    return ipv6_address(bytes, scoped ? static_cast<std::uint32_t>(rng()) : 0);
}

TEST(Ipv4Address, IsReadFromItsTextAndItsBytes) {
    constexpr ipv4_address address(192, 0, 2, 255);
    constexpr auto bytes = address.bytes();
    static_assert(ipv4_address(bytes) == address);
    static_assert(address.number() == 0xc00002ff);
    EXPECT_EQ(v4("192.0.2.255"), address);
    EXPECT_EQ(v4("0.0.0.0"), ipv4_address::any());
    EXPECT_EQ(v4("255.255.255.255"), ipv4_address::broadcast());
    EXPECT_EQ(v4("127.0.0.1"), ipv4_address::loopback());
    EXPECT_EQ(address.to_string(), "192.0.2.255");
}

TEST(Ipv4Address, IsTheSameAfterPrintingAndReading) {
    prng rng(1);
    for (int i = 0; i < 100'000; ++i) {
        const ipv4_address address(static_cast<std::uint32_t>(rng()));
        ASSERT_EQ(v4(address.to_string()), address);
    }
}

TEST(Ipv6Address, IsReadInAllFormsOfRfc4291) {
    const ipv6_address address(0x2001'0db8'0000'0000, 0x0008'0800'200c'417a);
    EXPECT_EQ(v6("2001:db8:0:0:8:800:200C:417A"), address);
    EXPECT_EQ(v6("2001:DB8::8:800:200C:417A"), address);
    EXPECT_EQ(v6("2001:0db8::0008:0800:200c:417a"), address);
    EXPECT_EQ(v6("2001:db8::8:800:32.12.65.122"), address);
    EXPECT_EQ(v6("2001:db8:0:0:8:800:32.12.65.122"), address);
    EXPECT_EQ(v6("::"), ipv6_address::any());
    EXPECT_EQ(v6("0:0:0:0:0:0:0:0"), ipv6_address::any());
    EXPECT_EQ(v6("::1"), ipv6_address::loopback());
    EXPECT_EQ(v6("1::"), ipv6_address(0x0001'0000'0000'0000, 0));
    EXPECT_EQ(v6("1:2:3:4:5:6:7::"), ipv6_address(0x0001'0002'0003'0004, 0x0005'0006'0007'0000));
    EXPECT_EQ(v6("::2:3:4:5:6:7:8"), ipv6_address(0x0000'0002'0003'0004, 0x0005'0006'0007'0008));
    EXPECT_EQ(v6("1:2:3::5:6:7:8"), ipv6_address(0x0001'0002'0003'0000, 0x0005'0006'0007'0008));
    EXPECT_EQ(v6("::ffff:192.0.2.1"), ipv6_address::mapped(ipv4_address(192, 0, 2, 1)));
    EXPECT_EQ(v6("::ffff:c000:201"), ipv6_address::mapped(ipv4_address(192, 0, 2, 1)));
    EXPECT_EQ(v6("64:ff9b::192.0.2.33"), ipv6_address(0x0064'ff9b'0000'0000, 0xc0000221));
    EXPECT_EQ(v6("1:2:3:4:5::1.2.3.4"), ipv6_address(0x0001'0002'0003'0004, 0x0005'0000'0102'0304));
    EXPECT_EQ(v6("::13.1.68.3"), ipv6_address(0, 0x0d01'4403));
    EXPECT_EQ(v6("ff02::2"), ipv6_address::all_routers());
}

TEST(Ipv6Address, IsPrintedInTheCanonicalFormOfRfc5952) {
    const std::vector<std::pair<std::string_view, std::string_view>> cases = {
        {"2001:0db8::0001", "2001:db8::1"},              // 4.1 no leading zeros
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},       // 4.2.1 as short as possible
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, // 4.2.2 not for a single group
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},         // 4.2.3 the longest run
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},   // 4.2.3 the first of two
        {"2001:DB8::ABCD", "2001:db8::abcd"},            // 4.3 lower case
        {"::ffff:c000:201", "::ffff:192.0.2.1"},         // 5 a known IPv4 address
        {"::fffe:c000:201", "::fffe:c000:201"},          //   and one that is none
        {"0:0:0:0:0:0:0:0", "::"},                       //
        {"0:0:0:0:0:0:0:1", "::1"},                      //
        {"1:0:0:0:0:0:0:0", "1::"},                      //
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},            //
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},            //
        {"0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"},          //
        {"fe80::1%4294967295", "fe80::1%4294967295"},    // RFC 4007 11.2
    };
    for (const auto& [text, canonical] : cases) {
        EXPECT_EQ(v6(text).to_string(), canonical);
    }
}

TEST(Ipv6Address, IsTheSameAfterPrintingAndReading) {
    prng rng(2);
    for (int i = 0; i < 100'000; ++i) {
        const ipv6_address address = random_ipv6(rng);
        const std::string text = address.to_string();
        ASSERT_EQ(v6(text), address) << text;
        ASSERT_LE(text.size(), ipv6_address::max_text_size);
    }
}

TEST(Ipv6Address, FillsItsTextBufferAtMostExactly) {
    const ipv6_address longest(~0ULL, ~0ULL, 0xffff'ffff);
    std::array<char, ipv6_address::max_text_size> text{};
    EXPECT_EQ(longest.format_to(text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295");
    EXPECT_EQ(longest.format_to(text).size(), text.size());
    EXPECT_EQ(ipv4_address::broadcast().to_string().size(), ipv4_address::max_text_size);
}

TEST(Ipv6Address, HasItsZoneAsANumber) {
    EXPECT_EQ(v6("fe80::1%7").scope(), 7U);
    EXPECT_EQ(v6("fe80::1%7"), v6("fe80::1").with_scope(7));
    EXPECT_NE(v6("fe80::1%7"), v6("fe80::1%8"));
    EXPECT_EQ(v6("fe80::1%4294967295").scope(), 0xffff'ffffU);
}

TEST(Ipv6Address, HasItsZoneAsANameOnlyWhereAskedFor) {
    const auto named = ipv6_address::parse_zoned("fe80::1%eth0.5").value();
    EXPECT_EQ(named.address, v6("fe80::1"));
    EXPECT_EQ(named.zone, "eth0.5");
    const auto numbered = ipv6_address::parse_zoned("fe80::1%12").value();
    EXPECT_EQ(numbered.address, v6("fe80::1%12"));
    EXPECT_EQ(numbered.zone, "");
    EXPECT_EQ(ipv6_address::parse_zoned("::1")->zone, "");
    EXPECT_EQ(ipv6_address::parse_zoned("fe80::1%abcdefghijklmno")->zone.size(), 15U);
}

TEST(IpAddress, IsEitherFamily) {
    const auto a = ip_address::parse("192.0.2.1").value();
    const auto b = ip_address::parse("fe80::1%3").value();
    EXPECT_TRUE(a.is_v4());
    EXPECT_EQ(a.v4(), ipv4_address(192, 0, 2, 1));
    EXPECT_EQ(a.width(), 32U);
    EXPECT_TRUE(b.is_v6());
    EXPECT_EQ(b.v6().scope(), 3U);
    EXPECT_EQ(b.width(), 128U);
    EXPECT_EQ(a.to_string(), "192.0.2.1");
    EXPECT_EQ(b.to_string(), "fe80::1%3");
    EXPECT_EQ(ip_address(), ipv4_address::any());
    EXPECT_EQ(ip_address::any(ip_family::v6), ipv6_address::any());
    EXPECT_EQ(ip_address::loopback(ip_family::v4), ipv4_address::loopback());
}

TEST(IpAddress, IsNotItsMappedForm) {
    const ip_address plain = ipv4_address(127, 0, 0, 1);
    const ip_address mapped = plain.to_v6();
    EXPECT_NE(plain, mapped);
    EXPECT_TRUE(mapped.is_v4_mapped());
    EXPECT_FALSE(plain.is_v4_mapped());
    EXPECT_FALSE(mapped.is_loopback());
    EXPECT_EQ(mapped.unmapped(), plain);
    EXPECT_EQ(plain.unmapped(), plain);
    EXPECT_EQ(ip_address(ipv6_address::loopback()).unmapped(), ipv6_address::loopback());
    EXPECT_EQ(mapped.to_string(), "::ffff:127.0.0.1");
}

TEST(IpAddressDeathTest, GivesNoAddressOfTheOtherFamily) {
    const ip_address four = ipv4_address::any();
    const ip_address six = ipv6_address::any();
    EXPECT_DEATH(static_cast<void>(six.v4()), "IPv4");
    EXPECT_DEATH(static_cast<void>(four.v6()), "IPv6");
    EXPECT_DEATH(static_cast<void>(six.v6().unmapped()), "mapped");
}

TEST(IpAddress, IsOrderedByFamilyAndThenByNumber) {
    const std::vector<std::string> ascending = {
        "0.0.0.0",   "1.255.255.255",  "2.0.0.0", "255.255.255.255", "::",   "::1",
        "::1:0",     "::ffff:1.2.3.4", "1::",     "1::%1",           "1::1", "fe80::1",
        "fe80::1%1", "fe80::1%2",      "ffff::"};
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t j = 0; j < ascending.size(); ++j) {
            const auto a = ip_address::parse(ascending[i]).value();
            const auto b = ip_address::parse(ascending[j]).value();
            EXPECT_EQ(a < b, i < j) << ascending[i] << ' ' << ascending[j];
            EXPECT_EQ(a == b, i == j);
            EXPECT_EQ(a.hash() == b.hash(), i == j);
        }
    }
}

TEST(IpAddress, SpreadsNeighboursOverAHashTable) {
    constexpr std::size_t slots = 1024;
    std::vector<int> used(slots);
    for (std::uint32_t i = 0; i < slots; ++i) {
        ++used[std::hash<ip_address>()(ipv4_address(0x0a00'0000 + (i << 8U))) % slots];
        ++used[std::hash<ip_address>()(ipv6_address(std::uint64_t{i} << 48U, 1)) % slots];
    }
    EXPECT_LE(*std::ranges::max_element(used), 10); // 2 on average; random ones rarely exceed 9
    EXPECT_EQ(std::unordered_set<ip_address>({v4("1.2.3.4"), v6("::1"), v6("::1")}).size(), 2U);
}

enum kinds : unsigned {
    none = 0,
    unspecified = 1,
    loopback = 2,
    private_use = 4,
    link_local = 8,
    multicast = 16,
    documentation = 32,
    global = 64,
};

unsigned kinds_of(const ip_address& address) {
    return (address.is_unspecified() ? unspecified : 0U) | (address.is_loopback() ? loopback : 0U) |
           (address.is_private() ? private_use : 0U) | (address.is_link_local() ? link_local : 0U) |
           (address.is_multicast() ? multicast : 0U) |
           (address.is_documentation() ? documentation : 0U) | (address.is_global() ? global : 0U);
}

TEST(IpAddress, KnowsTheSpecialBlocksOfIpv4UpToTheirEdges) {
    const std::vector<std::pair<std::string_view, unsigned>> cases = {
        {"0.0.0.0", unspecified},
        {"0.0.0.1", none},
        {"0.255.255.255", none},
        {"1.0.0.0", global},
        {"9.255.255.255", global},
        {"10.0.0.0", private_use},
        {"10.255.255.255", private_use},
        {"11.0.0.0", global},
        {"100.63.255.255", global},
        {"100.64.0.0", none},
        {"100.127.255.255", none},
        {"100.128.0.0", global},
        {"126.255.255.255", global},
        {"127.0.0.0", loopback},
        {"127.255.255.255", loopback},
        {"128.0.0.0", global},
        {"169.253.255.255", global},
        {"169.254.0.0", link_local},
        {"169.254.255.255", link_local},
        {"169.255.0.0", global},
        {"172.15.255.255", global},
        {"172.16.0.0", private_use},
        {"172.31.255.255", private_use},
        {"172.32.0.0", global},
        {"191.255.255.255", global},
        {"192.0.0.0", none},
        {"192.0.0.8", none},
        {"192.0.0.9", global},
        {"192.0.0.10", global},
        {"192.0.0.11", none},
        {"192.0.0.255", none},
        {"192.0.1.0", global},
        {"192.0.2.0", documentation},
        {"192.0.2.255", documentation},
        {"192.0.3.0", global},
        {"192.88.98.255", global},
        {"192.88.99.1", none},
        {"192.88.100.0", global},
        {"192.167.255.255", global},
        {"192.168.0.0", private_use},
        {"192.168.255.255", private_use},
        {"192.169.0.0", global},
        {"198.17.255.255", global},
        {"198.18.0.0", none},
        {"198.19.255.255", none},
        {"198.20.0.0", global},
        {"198.51.100.9", documentation},
        {"203.0.113.9", documentation},
        {"223.255.255.255", global},
        {"224.0.0.0", multicast},
        {"239.255.255.255", multicast},
        {"240.0.0.0", none},
        {"255.255.255.255", none},
    };
    for (const auto& [text, kinds] : cases) {
        EXPECT_EQ(kinds_of(v4(text)), kinds) << text;
    }
    EXPECT_TRUE(v4("100.64.0.0").is_shared());
    EXPECT_TRUE(v4("100.127.255.255").is_shared());
    EXPECT_FALSE(v4("100.128.0.0").is_shared());
    EXPECT_TRUE(v4("255.255.255.255").is_broadcast());
    EXPECT_FALSE(v4("255.255.255.254").is_broadcast());
}

TEST(IpAddress, KnowsTheSpecialBlocksOfIpv6UpToTheirEdges) {
    const std::vector<std::pair<std::string_view, unsigned>> cases = {
        {"::", unspecified},
        {"::1", loopback},
        {"::2", none},
        {"::ffff:8.8.8.8", none},
        {"64:ff9b::8.8.8.8", global},
        {"64:ff9b::1:8.8.8.8", none},
        {"64:ff9b:1::1", none},
        {"100::1", none},
        {"1fff:ffff::", none},
        {"2000::", global},
        {"2001::1", none},
        {"2001:1::1", global},
        {"2001:1::3", global},
        {"2001:1::4", none},
        {"2001:2::1", none},
        {"2001:3::1", global},
        {"2001:4:112::1", global},
        {"2001:4:113::1", none},
        {"2001:10::1", none},
        {"2001:20::1", global},
        {"2001:3f:ffff::", global},
        {"2001:40::1", none},
        {"2001:1ff:ffff::", none},
        {"2001:200::", global},
        {"2001:db7:ffff::", global},
        {"2001:db8::", documentation},
        {"2001:db8:ffff::", documentation},
        {"2001:db9::", global},
        {"2002::1", none},
        {"2003::1", global},
        {"2606:4700::1111", global},
        {"3ffe::1", global},
        {"3fff::1", documentation},
        {"3fff:fff::1", documentation},
        {"3fff:1000::1", global},
        {"4000::1", none},
        {"5f00::1", none},
        {"fbff::1", none},
        {"fc00::", private_use},
        {"fdff:ffff::", private_use},
        {"fe00::", none},
        {"fe80::", link_local},
        {"febf:ffff::", link_local},
        {"fec0::1", none},
        {"ff00::", multicast},
        {"ff0e::1", multicast},
    };
    for (const auto& [text, kinds] : cases) {
        EXPECT_EQ(kinds_of(v6(text)), kinds) << text;
    }
}

} // namespace
} // namespace runnel
