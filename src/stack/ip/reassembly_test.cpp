// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/reassembly.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using outcome = reassembly::outcome;

constexpr fragment_key key{ipv4_address(10, 0, 0, 1), ipv4_address(10, 0, 0, 2), 7, 17};

std::string text_of(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>(i * 13 % 255);
    }
    return text;
}

fragment piece(std::string_view whole, std::size_t offset, std::size_t size,
               const fragment_key& of = key) {
    fragment out;
    out.key = of;
    out.offset = static_cast<std::uint32_t>(offset);
    out.more = offset + size < whole.size();
    out.header = buffer::copy_of("header");
    out.payload = buffer::copy_of(whole.substr(offset, size));
    return out;
}

TEST(Reassembly, TakesFragmentsInEveryOrder) {
    const std::string whole = text_of(100);
    for (std::size_t count = 2; count <= 5; ++count) {
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), 0U);
        do {
            reassembly together({});
            reassembly::packet out;
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t at = order[i] * 16;
                const std::size_t size = order[i] + 1 == count ? whole.size() - at : 16;
                const outcome what = together.add(piece(whole, at, size), out, {});
                ASSERT_EQ(what, i + 1 == count ? outcome::complete : outcome::waiting);
            }
            EXPECT_EQ(out.payload.view(), whole);
            EXPECT_EQ(out.header.view(), "header");
            EXPECT_EQ(together.packets(), 0U);
            EXPECT_EQ(together.bytes(), 0U);
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST(Reassembly, WaitsForItsTimeAndNotLonger) {
    const std::string whole = text_of(32);
    for (const bool late : {false, true}) {
        reassembly together({});
        reassembly::packet out;
        EXPECT_EQ(together.add(piece(whole, 0, 16), out, time_point(1s)), outcome::waiting);
        EXPECT_EQ(together.deadline(), time_point(31s));
        const time_point then = time_point(31s) - (late ? 0ns : 1ns);
        EXPECT_EQ(together.add(piece(whole, 16, 16), out, then),
                  late ? outcome::waiting : outcome::complete);
    }
}

TEST(Reassembly, KeepsPacketsApart) {
    const std::string whole = text_of(32);
    const std::array<fragment_key, 4> others{
        fragment_key{ipv4_address(10, 0, 0, 9), key.destination, 7, 17},
        fragment_key{key.source, ipv4_address(10, 0, 0, 9), 7, 17},
        fragment_key{key.source, key.destination, 8, 17},
        fragment_key{key.source, key.destination, 7, 6}};
    reassembly together({});
    reassembly::packet out;
    EXPECT_EQ(together.add(piece(whole, 0, 16), out, {}), outcome::waiting);
    for (const fragment_key& other : others) {
        EXPECT_EQ(together.add(piece(whole, 16, 16, other), out, {}), outcome::waiting);
    }
    EXPECT_EQ(together.packets(), 5U);
    EXPECT_EQ(together.add(piece(whole, 16, 16), out, {}), outcome::complete);
}

TEST(Reassembly, IgnoresCopiesAndEndsWhatOverlaps) {
    const std::string whole = text_of(64);
    reassembly together({});
    reassembly::packet out;
    EXPECT_EQ(together.add(piece(whole, 0, 32), out, {}), outcome::waiting);
    EXPECT_EQ(together.add(piece(whole, 0, 32), out, {}), outcome::waiting);
    for (const auto& [offset, size] : {std::pair{0U, 24U}, {8U, 8U}, {24U, 16U}, {0U, 64U}}) {
        reassembly fresh({});
        EXPECT_EQ(fresh.add(piece(whole, 0, 32), out, {}), outcome::waiting);
        EXPECT_EQ(fresh.add(piece(whole, offset, size), out, {}), outcome::refused) << offset;
        EXPECT_EQ(fresh.packets(), 0U);
        EXPECT_EQ(fresh.bytes(), 0U);
    }
    EXPECT_EQ(together.add(piece(whole, 32, 32), out, {}), outcome::complete);
}

TEST(Reassembly, RefusesFragmentsThatCannotBe) {
    reassembly together({});
    reassembly::packet out;
    const std::string whole = text_of(65'600);
    EXPECT_EQ(together.add(piece(whole, 0, 12), out, {}), outcome::refused); // not by eight
    EXPECT_EQ(together.add(piece(whole, 65'528, 72), out, {}), outcome::refused);
    const std::string small = text_of(64);
    EXPECT_EQ(together.add(piece(small, 48, 16), out, {}), outcome::waiting); // the end
    EXPECT_EQ(together.add(piece(whole, 64, 16), out, {}), outcome::refused); // behind the end
    EXPECT_EQ(together.packets(), 0U);
}

TEST(Reassembly, HoldsABoundedNumberOfEverything) {
    reassembly::limits limits;
    limits.packets = 4;
    limits.fragments = 8;
    limits.bytes = 100'000;
    reassembly together(limits);
    reassembly::packet out;
    const std::string whole = text_of(60'000);
    for (std::uint32_t id = 0; id < 1000; ++id) {
        fragment_key other = key;
        other.identification = id;
        (void)together.add(piece(whole, 0, 30'000, other), out, {});
        EXPECT_LE(together.packets(), 4U);
        EXPECT_LE(together.bytes(), limits.bytes);
    }
    reassembly few(limits);
    outcome last = outcome::waiting;
    for (std::size_t i = 0; i < 8; ++i) {
        last = few.add(piece(whole, i * 16, 8), out, {});
    }
    EXPECT_EQ(last, outcome::refused);
    EXPECT_EQ(few.packets(), 0U);
}

TEST(Reassembly, PutsRandomCutsTogether) {
    prng numbers(1);
    for (int round = 0; round < 300; ++round) {
        const std::string whole = text_of(numbers.between(1, 9000));
        std::vector<std::pair<std::size_t, std::size_t>> cuts;
        for (std::size_t at = 0; at < whole.size();) {
            const std::size_t size =
                std::min<std::size_t>(whole.size() - at, numbers.between(1, 60) * 8 + 64);
            cuts.emplace_back(at, size);
            at += size;
        }
        std::shuffle(cuts.begin(), cuts.end(), numbers);
        reassembly together({});
        reassembly::packet out;
        outcome last = outcome::waiting;
        for (const auto& [at, size] : cuts) {
            ASSERT_EQ(last, outcome::waiting);
            last = together.add(piece(whole, at, size), out, {});
        }
        ASSERT_EQ(last, outcome::complete);
        EXPECT_EQ(out.payload.view(), whole);
    }
}

} // namespace
