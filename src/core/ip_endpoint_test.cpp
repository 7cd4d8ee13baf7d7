// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_endpoint.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace runnel {
namespace {

static_assert(std::is_trivially_copyable_v<ip_endpoint> && sizeof(ip_endpoint) == 28);

ip_endpoint endpoint(std::string_view text) {
    return ip_endpoint::parse(text).value();
}

TEST(IpEndpoint, IsAnAddressAndAPort) {
    EXPECT_EQ(endpoint("1.2.3.4:80"), ip_endpoint(ipv4_address(1, 2, 3, 4), 80));
    EXPECT_EQ(endpoint("[::1]:65535"), ip_endpoint(ipv6_address::loopback(), 65535));
    EXPECT_EQ(endpoint("[fe80::1%2]:0").address().v6().scope(), 2U);
    EXPECT_EQ(endpoint("[::ffff:1.2.3.4]:1").to_string(), "[::ffff:1.2.3.4]:1");
    EXPECT_EQ(endpoint("1.2.3.4:80").with_port(81).to_string(), "1.2.3.4:81");
    EXPECT_EQ(endpoint("[::1]:80").port(), 80);
    EXPECT_EQ(endpoint("[::1]:80").family(), ip_family::v6);
    EXPECT_EQ(ip_endpoint().to_string(), "0.0.0.0:0");
}

TEST(IpEndpoint, IsTheSameAfterPrintingAndReading) {
    prng rng(1);
    for (int i = 0; i < 50'000; ++i) {
        const auto port = static_cast<std::uint16_t>(rng());
        const ip_endpoint four(ipv4_address(static_cast<std::uint32_t>(rng())), port);
        const ip_endpoint six(ipv6_address(rng(), rng(), static_cast<std::uint32_t>(rng.below(9))),
                              port);
        ASSERT_EQ(endpoint(four.to_string()), four);
        ASSERT_EQ(endpoint(six.to_string()), six);
    }
}

TEST(IpEndpoint, FillsItsTextBufferAtMostExactly) {
    const ip_endpoint longest(ipv6_address(~0ULL, ~0ULL, 0xffff'ffff), 65535);
    EXPECT_EQ(longest.to_string().size(), ip_endpoint::max_text_size);
}

TEST(IpEndpoint, IsOrderedByAddressAndThenByPort) {
    EXPECT_LT(endpoint("1.2.3.4:80"), endpoint("1.2.3.4:81"));
    EXPECT_LT(endpoint("1.2.3.4:81"), endpoint("1.2.3.5:80"));
    EXPECT_LT(endpoint("1.2.3.4:81"), endpoint("[::]:80"));
    EXPECT_NE(endpoint("1.2.3.4:80").hash(), endpoint("1.2.3.4:81").hash());
}

TEST(Port, IsANumberOf16Bits) {
    EXPECT_EQ(parse_port("0"), 0);
    EXPECT_EQ(parse_port("443"), 443);
    EXPECT_EQ(parse_port("65535"), 65535);
}

} // namespace
} // namespace runnel
