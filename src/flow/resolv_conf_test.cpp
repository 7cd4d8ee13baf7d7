// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/resolv_conf.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

dns_server server(std::string_view address, std::string_view zone = {}) {
    return {.address = {*ip_address::parse(address), 53}, .zone = std::string(zone)};
}

std::string search_of(const resolv_conf& conf) {
    std::string all;
    for (const dns_name& domain : conf.search) {
        all += (all.empty() ? "" : " ") + domain.to_string();
    }
    return all;
}

TEST(ResolvConf, HasTheUsualDefaults) {
    const resolv_conf conf = resolv_conf::parse("");
    EXPECT_EQ(conf.servers, std::vector{server("127.0.0.1")});
    EXPECT_TRUE(conf.search.empty());
    EXPECT_EQ(conf.ndots, 1U);
    EXPECT_EQ(conf.timeout, 5s);
    EXPECT_EQ(conf.attempts, 2U);
    EXPECT_FALSE(conf.rotate);
    EXPECT_FALSE(conf.use_tcp);
    EXPECT_FALSE(conf.no_aaaa);
}

TEST(ResolvConf, ReadsAWholeFile) {
    const resolv_conf conf = resolv_conf::parse("# written by hand\n"
                                                "; also a comment\n"
                                                "nameserver 192.0.2.53\n"
                                                "nameserver\t2001:db8::53 \n"
                                                "nameserver fe80::1%eth0\n"
                                                "nameserver fe80::1%2\n"
                                                "search example.org  corp.example.\n"
                                                "sortlist 130.155.160.0/255.255.240.0\n"
                                                "options ndots:2 timeout:3 attempts:4 rotate\n"
                                                "options use-vc no-aaaa edns0 trust-ad\n");
    EXPECT_EQ(conf.servers, (std::vector{server("192.0.2.53"), server("2001:db8::53"),
                                         server("fe80::1", "eth0"), server("fe80::1%2")}));
    EXPECT_EQ(search_of(conf), "example.org corp.example");
    EXPECT_EQ(conf.ndots, 2U);
    EXPECT_EQ(conf.timeout, 3s);
    EXPECT_EQ(conf.attempts, 4U);
    EXPECT_TRUE(conf.rotate);
    EXPECT_TRUE(conf.use_tcp);
    EXPECT_TRUE(conf.no_aaaa);
}

TEST(ResolvConf, LetsTheLastOfSearchAndDomainCount) {
    EXPECT_EQ(search_of(resolv_conf::parse("search a b\ndomain c d\n")), "c");
    EXPECT_EQ(search_of(resolv_conf::parse("domain c\nsearch a b\n")), "a b");
    EXPECT_EQ(search_of(resolv_conf::parse("search a\nsearch\n")), "");
    EXPECT_EQ(search_of(resolv_conf::parse("search .\n")), "");
}

TEST(ResolvConf, BringsNumbersIntoTheirRanges) {
    EXPECT_EQ(resolv_conf::parse("options ndots:99").ndots, 15U);
    EXPECT_EQ(resolv_conf::parse("options ndots:0").ndots, 0U);
    EXPECT_EQ(resolv_conf::parse("options timeout:0").timeout, 1s);
    EXPECT_EQ(resolv_conf::parse("options timeout:31").timeout, 30s);
    EXPECT_EQ(resolv_conf::parse("options attempts:0").attempts, 1U);
    EXPECT_EQ(resolv_conf::parse("options attempts:99999999999999999999").attempts, 5U);
    EXPECT_EQ(resolv_conf::parse("options ndots:x ndots: ndots timeout:-1").ndots, 1U);
}

TEST(ResolvConf, SkipsWhatMakesNoSense) {
    const resolv_conf conf = resolv_conf::parse(" nameserver 192.0.2.1\n" // not in the first column
                                                "nameserver\n"
                                                "nameserver localhost\n"
                                                "nameserver 192.0.2\n"
                                                "nameserver 192.0.2.2;comment\n"
                                                "nameserver 192.0.2.3#comment\n"
                                                "nameserver 192.0.2.4 192.0.2.9\r\n"
                                                "nameservers 192.0.2.5\n"
                                                "search good..bad ok\n"
                                                "nonsense\n"
                                                "nameserver 192.0.2.6");
    EXPECT_EQ(conf.servers, (std::vector{server("192.0.2.2"), server("192.0.2.3"),
                                         server("192.0.2.4"), server("192.0.2.6")}));
    EXPECT_EQ(search_of(conf), "ok");
}

TEST(ResolvConf, IsBounded) {
    std::string text = "search";
    for (int i = 0; i < 1000; ++i) {
        text += " d" + std::to_string(i);
    }
    for (int i = 0; i < 1000; ++i) {
        text += "\nnameserver 192.0.2." + std::to_string(i % 256);
    }
    const resolv_conf conf = resolv_conf::parse(text);
    EXPECT_EQ(conf.servers.size(), resolv_conf::most_servers);
    EXPECT_EQ(conf.search.size(), resolv_conf::most_search_domains);
}

} // namespace
} // namespace runnel
