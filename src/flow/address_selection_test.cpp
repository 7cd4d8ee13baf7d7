// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/address_selection.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

destination to(std::string_view address, std::string_view source = {}) {
    destination made{.endpoint = {*ip_address::parse(address), 80}};
    if (!source.empty()) {
        made.source = *ip_address::parse(source);
    }
    return made;
}

std::string sorted(std::vector<destination> destinations) {
    sort_destinations(destinations);
    std::string text;
    for (const destination& each : destinations) {
        text += (text.empty() ? "" : " ") + each.endpoint.address().to_string();
    }
    return text;
}

TEST(AddressSelection, KeepsTheOrderOfWhatIsEquallyGood) {
    EXPECT_EQ(sorted({}), "");
    EXPECT_EQ(sorted({to("192.0.2.2"), to("192.0.2.1"), to("192.0.2.3")}),
              "192.0.2.2 192.0.2.1 192.0.2.3");
    EXPECT_EQ(sorted({to("2001:db8::2"), to("2001:db8::1")}), "2001:db8::2 2001:db8::1");
}

TEST(AddressSelection, FollowsThePrecedenceOfThePolicyTable) {
    EXPECT_EQ(sorted({to("192.0.2.1"), to("2001:db8::1")}), "2001:db8::1 192.0.2.1");
    EXPECT_EQ(sorted({to("3ffe::1"), to("::1.2.3.4"), to("fd00::1"), to("2001::1"), to("2002::1"),
                      to("192.0.2.1"), to("2001:db8::1"), to("::1")}),
              "::1 2001:db8::1 192.0.2.1 2002::1 2001::1 fd00::1 3ffe::1 ::102:304");
    EXPECT_EQ(sorted({to("::ffff:192.0.2.1"), to("2001:db8::1")}), "2001:db8::1 ::ffff:192.0.2.1");
}

TEST(AddressSelection, PrefersTheSmallerScope) {
    EXPECT_EQ(sorted({to("ff0e::1"), to("ff05::1"), to("ff02::1"), to("ff01::1")}),
              "ff01::1 ff02::1 ff05::1 ff0e::1");
    EXPECT_EQ(sorted({to("192.0.2.1"), to("10.0.0.1"), to("169.254.0.1"), to("127.0.0.1")}),
              "169.254.0.1 127.0.0.1 192.0.2.1 10.0.0.1");
    EXPECT_EQ(sorted({to("fec0::1", "2001:db8::2"), to("fec0::2", "fec0::3")}), "fec0::2 fec0::1");
}

TEST(AddressSelection, PutsUnreachableOnesLast) {
    destination unreachable = to("2001:db8::1");
    unreachable.unreachable = true;
    EXPECT_EQ(sorted({unreachable, to("192.0.2.1")}), "192.0.2.1 2001:db8::1");
}

// The examples of RFC 6724, section 10.2, as far as its reduced form decides them.
TEST(AddressSelection, AgreesWithTheExamplesOfTheRfc) {
    // Prefer matching scope.
    EXPECT_EQ(sorted({to("2001:db8:1::1", "2001:db8:1::2"), to("198.51.100.121", "169.254.13.78")}),
              "2001:db8:1::1 198.51.100.121");
    EXPECT_EQ(sorted({to("2001:db8:1::1", "fe80::1"), to("198.51.100.121", "198.51.100.117")}),
              "198.51.100.121 2001:db8:1::1");
    // Prefer higher precedence.
    EXPECT_EQ(sorted({to("10.1.2.3", "10.1.2.4"), to("2001:db8:1::1", "2001:db8:1::2")}),
              "2001:db8:1::1 10.1.2.3");
    // Prefer smaller scope.
    EXPECT_EQ(sorted({to("2001:db8:1::1", "2001:db8:1::2"), to("fe80::1", "fe80::2")}),
              "fe80::1 2001:db8:1::1");
    // Longest matching prefix.
    EXPECT_EQ(
        sorted({to("2001:db8:3ffe::1", "2001:db8:3f44::2"), to("2001:db8:1::1", "2001:db8:1::2")}),
        "2001:db8:1::1 2001:db8:3ffe::1");
    // Prefer matching label.
    EXPECT_EQ(sorted({to("2002:c633:6401::1", "2002:c633:6401::2"),
                      to("2001:db8:1::1", "2002:c633:6401::2")}),
              "2002:c633:6401::1 2001:db8:1::1");
    // Prefer higher precedence.
    EXPECT_EQ(sorted({to("2002:c633:6401::1", "2002:c633:6401::2"),
                      to("2001:db8:1::1", "2001:db8:1::2")}),
              "2001:db8:1::1 2002:c633:6401::1");
}

TEST(AddressSelection, ComparesPrefixesOfIpv6UpTo64BitsOnly) {
    EXPECT_EQ(sorted({to("2001:db8::8000:0:0:1", "2001:db8::1"), to("2001:db8::2", "2001:db8::1")}),
              "2001:db8::8000:0:0:1 2001:db8::2");
    EXPECT_EQ(sorted({to("10.0.0.1", "192.0.2.9"), to("192.0.2.1", "192.0.2.9")}),
              "10.0.0.1 192.0.2.1");
}

TEST(AddressSelection, SortsAllKindsAtOnce) {
    destination gone = to("2001:db8::9");
    gone.unreachable = true;
    EXPECT_EQ(sorted({gone, to("192.0.2.1", "10.0.0.1"), to("2001:db8::1", "fd00::1"),
                      to("2001:db8::2", "2001:db8::3"), to("fd00::2", "fd00::1"), to("192.0.2.2")}),
              "2001:db8::2 192.0.2.1 192.0.2.2 fd00::2 2001:db8::1 2001:db8::9");
}

} // namespace
} // namespace runnel
