// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/resolver.hpp"

#include "virtual_run.hpp"

#include <gtest/gtest.h>

namespace runnel {
namespace {

std::string texts(const result<std::vector<ip_address>>& found) {
    if (!found) {
        return outcome_of(found);
    }
    std::string all;
    for (const ip_address& each : *found) {
        all += (all.empty() ? "" : " ") + each.to_string();
    }
    return all;
}

const std::string unknown = "<" + std::string(describe(errc::not_found)) + ">";

TEST(HostsResolver, KnowsItsTableFiguresAndLocalhost) {
    run_virtual([]() -> task<void> {
        hosts_resolver names(hosts_table::parse("192.0.2.1 both\n2001:db8::1 both\n"
                                                "192.0.2.2 both four\n"));
        EXPECT_EQ(texts(co_await names.resolve("both", ip_family::v4)), "192.0.2.1 192.0.2.2");
        EXPECT_EQ(texts(co_await names.resolve("BOTH", ip_family::v6)), "2001:db8::1");
        EXPECT_EQ(texts(co_await names.resolve("four", ip_family::v6)), unknown);
        EXPECT_EQ(texts(co_await names.resolve("none", ip_family::v4)), unknown);
        EXPECT_EQ(texts(co_await names.resolve("198.51.100.7", ip_family::v4)), "198.51.100.7");
        EXPECT_EQ(texts(co_await names.resolve("localhost", ip_family::v6)), "::1");
    });
}

TEST(ResolveAll, GivesBothFamiliesOrTheOneThatIsThere) {
    run_virtual([]() -> task<void> {
        hosts_resolver names(hosts_table::parse("192.0.2.1 both\n2001:db8::1 both\n"
                                                "192.0.2.2 four\n2001:db8::2 six\n"));
        EXPECT_EQ(texts(co_await resolve_all(names, "both")), "2001:db8::1 192.0.2.1");
        EXPECT_EQ(texts(co_await resolve_all(names, "four")), "192.0.2.2");
        EXPECT_EQ(texts(co_await resolve_all(names, "six")), "2001:db8::2");
        EXPECT_EQ(texts(co_await resolve_all(names, "none")), unknown);
    });
}

} // namespace
} // namespace runnel
