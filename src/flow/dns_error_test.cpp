// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_error.hpp"

#include "runnel/core/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace runnel {
namespace {

TEST(DnsError, HasAKindAndWordsForEachCode) {
    struct {
        dns_errc code;
        errc kind;
    } const cases[] = {
        {dns_errc::no_such_name, errc::not_found},
        {dns_errc::no_data, errc::not_found},
        {dns_errc::server_failure, errc::unreachable},
        {dns_errc::no_answer, errc::timed_out},
        {dns_errc::no_server, errc::unreachable},
        {dns_errc::too_many_aliases, errc::protocol_error},
        {dns_errc::malformed_name, errc::invalid_argument},
        {dns_errc::too_many_lookups, errc::limit_exceeded},
    };
    std::set<std::string> words;
    for (const auto& [code, kind] : cases) {
        const error made(make_error_code(code));
        EXPECT_EQ(made, kind);
        EXPECT_EQ(made.code(), code);
        EXPECT_TRUE(words.insert(made.message()).second) << made.message();
    }
    EXPECT_STREQ(dns_category().name(), "dns");
    EXPECT_EQ(error(std::error_code(99, dns_category())), errc::system_error);
    EXPECT_EQ(error(std::error_code(99, dns_category())).message(), "unknown error");
}

} // namespace
} // namespace runnel
