// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/fmt.hpp"

#include <gtest/gtest.h>

namespace runnel {
namespace {

TEST(Fmt, PrintsAddressesAsTheirText) {
    const ip_address v4 = ipv4_address(192, 0, 2, 1);
    const ip_address v6 = ipv6_address::loopback();
    EXPECT_EQ(fmt::format("{} {}", v4.v4(), v6.v6()), "192.0.2.1 ::1");
    EXPECT_EQ(fmt::format("{} {}", v4, v6), "192.0.2.1 ::1");
    EXPECT_EQ(fmt::format("{}", ip_prefix(v4, 24)), "192.0.2.1/24");
    EXPECT_EQ(fmt::format("{}", ip_endpoint(v6, 80)), "[::1]:80");
    EXPECT_EQ(fmt::format("{}", mac_address(0, 1, 2, 3, 4, 255)), "00:01:02:03:04:ff");
}

TEST(Fmt, PrintsErrorsAsTheirMessage) {
    EXPECT_EQ(fmt::format("{}", errc::refused), "connection refused");
    EXPECT_EQ(fmt::format("{}", error(errc::refused)), "connection refused");
    EXPECT_EQ(fmt::format("{}", error(errc::refused, "connect tcp://[::1]:80")),
              "connect tcp://[::1]:80: connection refused");
}

TEST(Fmt, TakesTheOptionsOfStrings) {
    EXPECT_EQ(fmt::format("{:>9}|{:<9}|{:^9}", ipv4_address(1, 2, 3, 4), ipv6_address::any(),
                          errc::closed),
              "  1.2.3.4|::       |closed by this side");
}

} // namespace
} // namespace runnel
