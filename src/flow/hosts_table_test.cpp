// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/hosts_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace runnel {
namespace {

std::string find(const hosts_table& table, std::string_view name) {
    std::string all;
    for (const ip_address& address : table.find(name)) {
        all += (all.empty() ? "" : " ") + address.to_string();
    }
    return all;
}

TEST(HostsTable, FindsNamesAndAliases) {
    const hosts_table table = hosts_table::parse("# comment\n"
                                                 "127.0.0.1\tlocalhost\n"
                                                 "::1 localhost ip6-localhost # loopback\n"
                                                 "\n"
                                                 "192.0.2.1 Server.Example.org server\r\n"
                                                 "  192.0.2.2   server.example.org.   \n"
                                                 "fe80::1%3 router");
    EXPECT_EQ(find(table, "localhost"), "127.0.0.1 ::1");
    EXPECT_EQ(find(table, "ip6-localhost"), "::1");
    EXPECT_EQ(find(table, "server.example.org"), "192.0.2.1 192.0.2.2");
    EXPECT_EQ(find(table, "SERVER.example.ORG."), "192.0.2.1 192.0.2.2");
    EXPECT_EQ(find(table, "server"), "192.0.2.1");
    EXPECT_EQ(find(table, "router"), "fe80::1%3");
    EXPECT_EQ(find(table, "serve"), "");
    EXPECT_EQ(find(table, "loopback"), "");
    EXPECT_EQ(find(table, ""), "");
    EXPECT_EQ(table.size(), 7U);
    EXPECT_EQ(find(hosts_table(), "localhost"), "");
}

TEST(HostsTable, SkipsWhatMakesNoSense) {
    const hosts_table table = hosts_table::parse("192.0.2.300 a\n"
                                                 "127.1 a\n"
                                                 "a 192.0.2.1\n"
                                                 "192.0.2.1\n"
                                                 "fe80::1%lo0 a\n"
                                                 "#192.0.2.1 a\n"
                                                 "192.0.2.1 " +
                                                 std::string(255, 'x') + " b\n");
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(find(table, "b"), "192.0.2.1");
}

TEST(HostsTable, GivesEachAddressOnce) {
    EXPECT_EQ(find(hosts_table::parse("192.0.2.1 a a\n192.0.2.2 a\n192.0.2.1 A\n"), "a"),
              "192.0.2.1 192.0.2.2");
}

TEST(HostsTable, IsBounded) {
    std::string text;
    for (int line = 0; line < 1100; ++line) {
        text += "192.0.2.1";
        for (int name = 0; name < 1000; ++name) {
            text += " x";
        }
        text += '\n';
    }
    EXPECT_EQ(hosts_table::parse(text).size(), hosts_table::most_entries);

    std::string one_name;
    for (int i = 0; i < 200; ++i) {
        one_name += "192.0.2." + std::to_string(i) + " x\n";
    }
    const auto addresses = hosts_table::parse(one_name).find("x");
    ASSERT_EQ(addresses.size(), hosts_table::most_addresses);
    EXPECT_EQ(addresses.back().to_string(), "192.0.2.63");
}

} // namespace
} // namespace runnel
