// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_cache.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace runnel {
namespace {

using namespace std::chrono_literals;

time_point at(duration since_start) {
    return time_point(since_start);
}

dns_question question(const std::string& name, dns_type type = dns_type::a) {
    return {*dns_name::parse(name), type};
}

dns_cache::outcome answer(std::uint32_t number, time_point expires) {
    return {.absent = {},
            .answer = {.type = dns_type::a, .data = {ipv4_address(number)}, .expires = expires}};
}

dns_cache::outcome absence(dns_errc code, time_point expires) {
    return {.absent = code, .answer = {.expires = expires}};
}

TEST(DnsCache, GivesWhatItKeepsUntilItExpires) {
    dns_cache cache(1U << 20U);
    EXPECT_EQ(cache.find(question("a"), at(0s)), nullptr);
    cache.store(question("a"), answer(1, at(10s)), at(0s));
    ASSERT_NE(cache.find(question("A"), at(9s)), nullptr);
    EXPECT_EQ(cache.find(question("a"), at(9s))->answer.data.front(), dns_data(ipv4_address(1)));
    EXPECT_EQ(cache.find(question("a", dns_type::aaaa), at(9s)), nullptr);
    EXPECT_EQ(cache.find(question("a"), at(10s)), nullptr);
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(cache.bytes(), 0U);
    cache.store(question("a"), answer(1, at(10s)), at(10s));
    EXPECT_EQ(cache.size(), 0U) << "expired before it came";
}

TEST(DnsCache, ReplacesWhatItKnewBefore) {
    dns_cache cache(1U << 20U);
    cache.store(question("a"), answer(1, at(10s)), at(0s));
    const std::size_t bytes = cache.bytes();
    cache.store(question("a"), answer(2, at(20s)), at(0s));
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_EQ(cache.bytes(), bytes);
    EXPECT_EQ(cache.find(question("a"), at(15s))->answer.data.front(), dns_data(ipv4_address(2)));
}

TEST(DnsCache, KnowsAnAbsentNameForEveryTypeAndAnAbsentRecordForItsOwn) {
    dns_cache cache(1U << 20U);
    cache.store(question("gone"), absence(dns_errc::no_such_name, at(10s)), at(0s));
    cache.store(question("empty"), absence(dns_errc::no_data, at(10s)), at(0s));
    ASSERT_NE(cache.find(question("gone", dns_type::srv), at(1s)), nullptr);
    EXPECT_EQ(cache.find(question("gone", dns_type::srv), at(1s))->absent, dns_errc::no_such_name);
    EXPECT_EQ(cache.find(question("empty"), at(1s))->absent, dns_errc::no_data);
    EXPECT_EQ(cache.find(question("empty", dns_type::aaaa), at(1s)), nullptr);
}

TEST(DnsCache, LetsGoWhatWasNotUsedForTheLongestTime) {
    dns_cache probe(1U << 20U);
    probe.store(question("a"), answer(1, at(10s)), at(0s));
    dns_cache cache(3 * probe.bytes());
    for (const char* name : {"a", "b", "c"}) {
        cache.store(question(name), answer(1, at(10s)), at(0s));
    }
    EXPECT_NE(cache.find(question("a"), at(1s)), nullptr);
    cache.store(question("d"), answer(1, at(10s)), at(1s));
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.find(question("b"), at(1s)), nullptr);
    for (const char* name : {"a", "c", "d"}) {
        EXPECT_NE(cache.find(question(name), at(1s)), nullptr) << name;
    }
}

TEST(DnsCache, StaysWithinItsMemory) {
    dns_cache cache(64U << 10U);
    for (int i = 0; i < 10'000; ++i) {
        auto many = answer(1, at(10s));
        for (int j = 0; j < i % 20; ++j) {
            many.answer.data.emplace_back(
                dns_txt{{std::string(static_cast<std::size_t>(i % 300), 'x')}});
        }
        cache.store(question("n" + std::to_string(i)), std::move(many), at(0s));
        EXPECT_LE(cache.bytes(), 64U << 10U);
    }
    EXPECT_GT(cache.size(), 2U);

    auto huge = answer(1, at(10s));
    huge.answer.data.resize(1000);
    cache.store(question("huge"), std::move(huge), at(0s));
    EXPECT_EQ(cache.find(question("huge"), at(0s)), nullptr);
    EXPECT_GT(cache.size(), 2U) << "nothing had to go for what has no room anyway";

    cache.clear();
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(cache.bytes(), 0U);
    dns_cache none(0);
    none.store(question("a"), answer(1, at(10s)), at(0s));
    EXPECT_EQ(none.size(), 0U);
}

} // namespace
} // namespace runnel
