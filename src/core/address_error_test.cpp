// SPDX-License-Identifier: Apache-2.0
// What the errors of all kinds of addresses say about text that is none.

#include "runnel/core/address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace runnel {
namespace {

struct malformed {
    std::string_view text;
    /// What follows the quoted text in the error.
    std::string_view complaint;
};

template <class Value>
void expect_complaints(result<Value> (*parse)(std::string_view), std::string_view kind,
                       const std::vector<malformed>& cases) {
    for (const auto& [text, complaint] : cases) {
        const auto parsed = parse(text);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_EQ(parsed.error(), errc::invalid_argument);
        EXPECT_EQ(parsed.error().text(),
                  std::string(kind) + " \"" + std::string(text) + "\", " + std::string(complaint));
    }
}

TEST(MalformedIpv4Address, IsRefusedWithThePlaceAndTheReason) {
    constexpr std::string_view range = "expected a number from 0 to 255, found ";
    const auto number = [&](int character, std::string_view found) {
        return "character " + std::to_string(character) + ": " + std::string(range) +
               std::string(found);
    };
    const std::vector<std::string> complaints = {
        number(1, "the end"),      number(1, "' '"),      number(1, "'h'"),
        number(7, "the end"),      number(3, "'.'"),      number(1, "\"256\""),
        number(7, "\"1000\""),     number(5, "'-'"),      number(1, "\"4294967296\""),
        number(1, "\"16909060\""), number(3, "\"0377\""), number(7, "'x'"),
    };
    expect_complaints(&ipv4_address::parse, "IPv4 address",
                      {{"", complaints[0]},
                       {" 1.2.3.4", complaints[1]},
                       {"host", complaints[2]},
                       {"1.2.3.", complaints[3]},
                       {"1...", complaints[4]},
                       {"256.1.1.1", complaints[5]},
                       {"1.2.3.1000", complaints[6]},
                       {"1.2.-3.4", complaints[7]},
                       {"4294967296", complaints[8]},
                       {"16909060", complaints[9]},
                       {"1.0377.1.1", complaints[10]},
                       {"1.2.3.x", complaints[11]}});
    expect_complaints(
        &ipv4_address::parse, "IPv4 address",
        {{"1.2.3", "character 6: expected '.', found the end"},
         {"127.1", "character 6: expected '.', found the end"},
         {"0x7f.0.0.1", "character 2: expected '.', found 'x'"},
         {"1,2,3,4", "character 2: expected '.', found ','"},
         {"1.2.3.4.5", "character 8: expected the end, found '.'"},
         {"1.2.3.4 ", "character 8: expected the end, found ' '"},
         {"1.2.3.4/8", "character 8: expected the end, found '/'"},
         {"01.2.3.4", "character 1: expected a number without leading zeros, found \"01\""},
         {"1.2.3.00", "character 7: expected a number without leading zeros, found \"00\""}});
}

TEST(MalformedIpv6Address, IsRefusedWithThePlaceAndTheReason) {
    constexpr std::string_view groups = "expected ':' and 8 groups in all, or \"::\", found ";
    constexpr std::string_view hex = "expected one to four hexadecimal digits, found ";
    const auto at = [](int character, std::string_view wanted, std::string_view found) {
        return "character " + std::to_string(character) + ": " + std::string(wanted) +
               std::string(found);
    };
    const std::vector<std::pair<std::string_view, std::string>> cases = {
        {"", at(1, hex, "the end")},
        {":", at(1, hex, "':'")},
        {":1", at(1, hex, "':'")},
        {"1:", at(3, hex, "the end")},
        {"1:2:3:4:5:6:7:", at(15, hex, "the end")},
        {"12345::", at(1, hex, "\"12345\"")},
        {"1::00001", at(4, hex, "\"00001\"")},
        {"1::2::3", at(6, hex, "':'")},
        {"1:g::", at(3, hex, "'g'")},
        {"1", at(2, groups, "the end")},
        {"1:2:3:4:5:6:7", at(14, groups, "the end")},
        {"1.2.3.4", at(8, groups, "the end")},
        {"1:2:3:4:5:1.2.3.4", at(18, groups, "the end")},
        {"1:2 ::", at(4, groups, "' '")},
        {"1:2:3:4:5:6:7:8:9", at(16, "expected the end, found ", "':'")},
        {"1:2:3:4:5:6:7:8::", at(16, "expected the end, found ", "':'")},
        {"::1:2:3:4:5:6:7:8", at(16, "expected the end, found ", "':'")},
        {"1:2:3:4:5:6:7::8", at(16, "expected the end, found ", "'8'")},
        {"1:2:3:4:5:6::1.2.3.4", at(15, "expected the end, found ", "'.'")},
        {"1:2:3:4:5:6:7:1.2.3.4", at(16, "expected the end, found ", "'.'")},
        {":::", at(3, "expected the end, found ", "':'")},
        {"::1.2.3.4:5", at(10, "expected the end, found ", "':'")},
        {"::/0", at(3, "expected the end, found ", "'/'")},
        {"[::1]", at(1, hex, "'['")},
        {"::ffff:1.2.3", at(13, "expected '.', found ", "the end")},
        {"::1.2.3.256", at(9, "expected a number from 0 to 255, found ", "\"256\"")},
        {"::1.02.3.4", at(5, "expected a number without leading zeros, found ", "\"02\"")},
        {"::1%", at(5, "expected an interface number from 1 to 4294967295, found ", "the end")},
        {"::1%0", at(5, "expected an interface number from 1 to 4294967295, found ", "'0'")},
        {"::1%eth0", at(5, "expected an interface number from 1 to 4294967295, found ", "'e'")},
        {"::1%4294967296",
         at(5, "expected an interface number from 1 to 4294967295, found ", "\"4294967296\"")},
        {"::1%01", at(5, "expected an interface number without leading zeros, found ", "\"01\"")},
        {"::1%1%1", at(6, "expected the end, found ", "'%'")},
    };
    for (const auto& [text, complaint] : cases) {
        expect_complaints(&ipv6_address::parse, "IPv6 address", {{text, complaint}});
    }
}

TEST(MalformedZone, IsRefusedAlsoWhereNamesAreAllowed) {
    constexpr std::string_view wanted =
        "character 5: expected the name or number of an interface, found ";
    for (const std::string_view zone :
         {".", "..", "a/b", "a:b", "a b", "abcdefghijklmnop", "1/", "%1", "a\x7f"}) {
        const auto parsed = ipv6_address::parse_zoned("::1%" + std::string(zone));
        ASSERT_FALSE(parsed.has_value()) << zone;
        EXPECT_TRUE(parsed.error().text().contains(wanted)) << parsed.error().text();
    }
    expect_complaints(
        &ipv6_address::parse_zoned, "IPv6 address",
        {{"::1%", "character 5: expected an interface number from 1 to 4294967295, found the end"},
         {"::1%0", "character 5: expected an interface number from 1 to 4294967295, found '0'"},
         {"::x%1", "character 3: expected the end, found 'x'"}});
}

TEST(MalformedIpAddress, IsMeantToBeIpv6IfItHasAColon) {
    expect_complaints(
        &ip_address::parse, "IP address",
        {{"localhost", "character 1: expected a number from 0 to 255, found 'l'"},
         {"1.2.3.4:80", "character 8: expected ':' and 8 groups in all, or \"::\", found ':'"},
         {"::g", "character 3: expected the end, found 'g'"}});
}

TEST(MalformedIpPrefix, IsRefusedWithThePlaceAndTheReason) {
    expect_complaints(
        &ip_prefix::parse, "IP prefix",
        {{"10.0.0.0", "character 9: expected '/' and a length, found the end"},
         {"10.0.0/8", "character 7: expected '.', found '/'"},
         {"10.0.0.0/", "character 10: expected a length from 0 to 32, found the end"},
         {"10.0.0.0/33", "character 10: expected a length from 0 to 32, found \"33\""},
         {"10.0.0.0/-1", "character 10: expected a length from 0 to 32, found '-'"},
         {"10.0.0.0/08", "character 10: expected a length without leading zeros, found \"08\""},
         {"10.0.0.0/255.0.0.0", "character 10: expected a length from 0 to 32, found \"255\""},
         {"10.0.0.0/8 ", "character 11: expected the end, found ' '"},
         {"::/129", "character 4: expected a length from 0 to 128, found \"129\""},
         {"::/99999999999999999999",
          "character 4: expected a length from 0 to 128, found \"99999999999999999999\""},
         {"fe80::%1/10", "character 7: expected '/' and a length, found '%'"}});
}

TEST(MalformedIpEndpoint, IsRefusedWithThePlaceAndTheReason) {
    expect_complaints(
        &ip_endpoint::parse, "endpoint",
        {{"", "character 1: expected a number from 0 to 255, found the end"},
         {":80", "character 1: expected a number from 0 to 255, found ':'"},
         {"1.2.3.4", "character 8: expected ':' and a port, found the end"},
         {"1.2.3.4:", "character 9: expected a port from 0 to 65535, found the end"},
         {"1.2.3.4:65536", "character 9: expected a port from 0 to 65535, found \"65536\""},
         {"1.2.3.4:+1", "character 9: expected a port from 0 to 65535, found '+'"},
         {"1.2.3.4:http", "character 9: expected a port from 0 to 65535, found 'h'"},
         {"1.2.3.4:080", "character 9: expected a port without leading zeros, found \"080\""},
         {"1.2.3.4:80/", "character 11: expected the end, found '/'"},
         {"::1:80", "character 1: expected '[' in front of an IPv6 address, found ':'"},
         {"[::1]", "character 6: expected ':' and a port, found the end"},
         {"[::1]80", "character 6: expected ':' and a port, found '8'"},
         {"[::1:80", "character 8: expected ']', found the end"},
         {"[::1%eth0]:80",
          "character 6: expected an interface number from 1 to 4294967295, found 'e'"},
         {"[1.2.3.4]:80", "character 9: expected ':' and 8 groups in all, or \"::\", found ']'"},
         {"[[::1]]:80", "character 2: expected one to four hexadecimal digits, found '['"}});
    expect_complaints(&parse_port, "port",
                      {{"", "character 1: expected a port from 0 to 65535, found the end"},
                       {" 1", "character 1: expected a port from 0 to 65535, found ' '"},
                       {"1x", "character 2: expected the end, found 'x'"},
                       {"70000", "character 1: expected a port from 0 to 65535, found \"70000\""}});
}

TEST(MalformedMacAddress, IsRefusedWithThePlaceAndTheReason) {
    expect_complaints(
        &mac_address::parse, "MAC address",
        {{"", "character 1: expected two hexadecimal digits, found the end"},
         {"00:11:22:33:44", "character 15: expected ':', found the end"},
         {"00:11:22:33:44:5", "character 16: expected two hexadecimal digits, found '5'"},
         {"00:11:22:33:44:555", "character 16: expected two hexadecimal digits, found \"555\""},
         {"00:11:22:33:44:55:66", "character 18: expected the end, found ':'"},
         {"00-11-22:33-44-55", "character 3: expected ':', found '-'"},
         {"001122334455", "character 1: expected two hexadecimal digits, found \"001122334455\""},
         {"0g:11:22:33:44:55", "character 1: expected two hexadecimal digits, found '0'"},
         {"00-11-22-33-44", "character 15: expected '-', found the end"}});
}

TEST(MalformedText, IsQuotedShortenedAndWithoutControlCharacters) {
    using namespace std::string_view_literals;
    EXPECT_EQ(ipv4_address::parse("1.2\n\0.\xff\"\\"sv).error().text(),
              "IPv4 address \"1.2\\x0a\\x00.\\xff\\x22\\x5c\", character 4: expected '.', "
              "found '\\x0a'");
    const std::string long_text(1'000'000, '1');
    const std::string shortened = "\"" + std::string(64, '1') + "...\"";
    EXPECT_EQ(ipv4_address::parse(long_text).error().text(),
              "IPv4 address " + shortened +
                  ", character 1: expected a number from 0 to 255, found " + shortened);
}

} // namespace
} // namespace runnel
