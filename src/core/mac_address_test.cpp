// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/mac_address.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace runnel {
namespace {

static_assert(std::is_trivially_copyable_v<mac_address> && sizeof(mac_address) == 6);

mac_address mac(std::string_view text) {
    return mac_address::parse(text).value();
}

TEST(MacAddress, IsReadWithColonsOrHyphens) {
    constexpr mac_address expected(0x02, 0x00, 0x5e, 0xab, 0xcd, 0xef);
    EXPECT_EQ(mac("02:00:5e:ab:cd:ef"), expected);
    EXPECT_EQ(mac("02-00-5E-AB-CD-EF"), expected);
    EXPECT_EQ(expected.to_string(), "02:00:5e:ab:cd:ef");
    EXPECT_EQ(expected.to_string().size(), mac_address::max_text_size);
}

TEST(MacAddress, IsTheSameAfterPrintingAndReading) {
    prng rng(1);
    for (int i = 0; i < 50'000; ++i) {
        mac_address::byte_array bytes{};
        rng.fill(bytes);
        const mac_address address(bytes);
        ASSERT_EQ(mac(address.to_string()), address);
        ASSERT_EQ(address.bytes(), bytes);
    }
}

TEST(MacAddress, KnowsItsKind) {
    EXPECT_TRUE(mac_address().is_unspecified());
    EXPECT_FALSE(mac("00:00:00:00:00:01").is_unspecified());
    EXPECT_TRUE(mac_address::broadcast().is_broadcast());
    EXPECT_TRUE(mac_address::broadcast().is_multicast());
    EXPECT_TRUE(mac("01:00:5e:00:00:01").is_multicast());
    EXPECT_FALSE(mac("01:00:5e:00:00:01").is_broadcast());
    EXPECT_FALSE(mac("fe:00:00:00:00:00").is_multicast());
    EXPECT_TRUE(mac("52:54:00:12:34:56").is_local());
    EXPECT_FALSE(mac("00:1b:21:12:34:56").is_local());
}

TEST(MacAddress, IsOrderedByItsBytes) {
    EXPECT_LT(mac("00:00:00:00:00:ff"), mac("00:00:00:00:01:00"));
    EXPECT_LT(mac("7f:ff:ff:ff:ff:ff"), mac("80:00:00:00:00:00"));
    EXPECT_NE(mac("00:00:00:00:00:01").hash(), mac("00:00:00:00:00:02").hash());
}

} // namespace
} // namespace runnel
