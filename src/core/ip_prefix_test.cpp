// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_prefix.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace runnel {
namespace {

static_assert(std::is_trivially_copyable_v<ip_prefix>);

ip_prefix prefix(std::string_view text) {
    return ip_prefix::parse(text).value();
}

ip_address address(std::string_view text) {
    return ip_address::parse(text).value();
}

/// Bit `i` of an address, the uppermost first.
bool bit(const ip_address& from, unsigned i) {
    const unsigned offset = from.is_v4() ? 96 + i : i; // in the mapped form
    return (from.to_v6().bytes()[offset / 8] >> (7 - offset % 8) & std::byte{1}) != std::byte{0};
}

ip_address random_address(prng& rng) {
    return rng.below(2) == 0 ? ip_address(ipv4_address(static_cast<std::uint32_t>(rng())))
                             : ip_address(ipv6_address(rng(), rng()));
}

TEST(IpPrefix, IsAnAddressAndALength) {
    const ip_prefix given = prefix("10.1.2.3/8");
    EXPECT_EQ(given.address(), address("10.1.2.3"));
    EXPECT_EQ(given.length(), 8U);
    EXPECT_EQ(given.to_string(), "10.1.2.3/8");
    EXPECT_EQ(given.network(), prefix("10.0.0.0/8"));
    EXPECT_NE(given, given.network());
    EXPECT_EQ(given.first(), address("10.0.0.0"));
    EXPECT_EQ(given.last(), address("10.255.255.255"));
    EXPECT_EQ(given.mask(), address("255.0.0.0"));
    EXPECT_EQ(given.broadcast(), ipv4_address(10, 255, 255, 255));
}

TEST(IpPrefix, HasEveryLengthOfItsFamily) {
    EXPECT_EQ(prefix("1.2.3.4/0").last(), ipv4_address::broadcast());
    EXPECT_EQ(prefix("1.2.3.4/0").mask(), ipv4_address::any());
    EXPECT_EQ(prefix("1.2.3.4/32").mask(), ipv4_address::broadcast());
    EXPECT_EQ(prefix("1.2.3.4/32"), ip_prefix(address("1.2.3.4")));
    EXPECT_EQ(prefix("::1/128"), ip_prefix(address("::1")));
    EXPECT_EQ(prefix("1:2:3:4:5::/0").first(), ipv6_address::any());
    EXPECT_EQ(prefix("1:2:3:4:5::/64").first(), address("1:2:3:4::"));
    EXPECT_EQ(prefix("1:2:3:4:5::/63").last(), address("1:2:3:5:ffff:ffff:ffff:ffff"));
    EXPECT_EQ(prefix("1:2:3:4:ffff::/65").first(), address("1:2:3:4:8000::"));
    EXPECT_EQ(prefix("::/127").mask(), address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"));
}

TEST(IpPrefix, HasABroadcastAddressOnlyInIpv4NetworksWithRoomForOne) {
    EXPECT_EQ(prefix("192.0.2.1/30").broadcast(), ipv4_address(192, 0, 2, 3));
    EXPECT_EQ(prefix("192.0.2.1/31").broadcast(), std::nullopt);
    EXPECT_EQ(prefix("192.0.2.1/32").broadcast(), std::nullopt);
    EXPECT_EQ(prefix("2001:db8::/64").broadcast(), std::nullopt);
}

TEST(IpPrefix, SplitsAddressesIntoNetworkAndHostBits) {
    prng rng(1);
    for (int round = 0; round < 20'000; ++round) {
        const ip_address inside = random_address(rng);
        const auto length = static_cast<unsigned>(rng.below(inside.width() + 1));
        const ip_prefix network(inside, length);
        for (unsigned i = 0; i < inside.width(); ++i) {
            ASSERT_EQ(bit(network.first(), i), i < length && bit(inside, i));
            ASSERT_EQ(bit(network.last(), i), i >= length || bit(inside, i));
            ASSERT_EQ(bit(network.mask(), i), i < length);
        }
        ASSERT_TRUE(network.contains(network.first()));
        ASSERT_TRUE(network.contains(network.last()));
        ASSERT_EQ(prefix(network.to_string()), network);
    }
}

TEST(IpPrefix, ContainsTheAddressesWithItsNetworkBits) {
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(address("10.255.0.1")));
    EXPECT_TRUE(prefix("10.9.9.9/8").contains(address("10.255.0.1")));
    EXPECT_FALSE(prefix("10.0.0.0/8").contains(address("11.0.0.0")));
    EXPECT_TRUE(ip_prefix().contains(address("255.255.255.255")));
    EXPECT_FALSE(ip_prefix().contains(address("::1")));
    EXPECT_FALSE(prefix("::/0").contains(address("1.2.3.4")));
    EXPECT_FALSE(prefix("10.0.0.0/8").contains(address("::ffff:10.0.0.1")));
    EXPECT_TRUE(prefix("fe80::/10").contains(address("fe80::1%7")));
    EXPECT_TRUE(prefix("::1/128").contains(address("::1")));
}

TEST(IpPrefix, ContainsTheNetworksInsideOfIt) {
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.1.0.0/16")));
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.0.0.0/8")));
    EXPECT_FALSE(prefix("10.1.0.0/16").contains(prefix("10.0.0.0/8")));
    EXPECT_FALSE(prefix("10.0.0.0/8").contains(prefix("11.1.0.0/16")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(prefix("::/0")));
}

TEST(IpPrefix, HasNoScope) {
    EXPECT_EQ(ip_prefix(address("fe80::1%3"), 64), prefix("fe80::1/64"));
}

TEST(IpPrefix, IsOrderedByAddressAndThenByLength) {
    EXPECT_LT(prefix("10.0.0.0/8"), prefix("10.0.0.0/9"));
    EXPECT_LT(prefix("10.0.0.0/9"), prefix("10.0.0.1/8"));
    EXPECT_LT(prefix("255.0.0.0/8"), prefix("::/0"));
    EXPECT_NE(prefix("10.0.0.0/8").hash(), prefix("10.0.0.0/9").hash());
}

TEST(IpPrefix, FillsItsTextBufferAtMostExactly) {
    const ip_prefix longest(ipv6_address(~0ULL, ~0ULL), 128);
    EXPECT_EQ(longest.to_string().size(), ip_prefix::max_text_size);
}

TEST(IpPrefixDeathTest, IsNotLongerThanItsAddress) {
    EXPECT_DEATH(static_cast<void>(ip_prefix(ipv4_address::any(), 33)), "not longer");
}

} // namespace
} // namespace runnel
