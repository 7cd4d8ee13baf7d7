// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace runnel {
namespace {

static_assert(std::uniform_random_bit_generator<prng>);

std::vector<std::uint64_t> draw(prng rng, std::size_t count) {
    std::vector<std::uint64_t> numbers(count);
    std::ranges::generate(numbers, rng);
    return numbers;
}

TEST(Prng, GivesTheNumbersOfXoshiro256StarStar) {
    // Of the authors' reference implementation, whose state was filled by their SplitMix64.
    const std::vector<std::uint64_t> from_0 = {0x99ec'5f36'cb75'f2b4, 0xbf6e'1f78'4956'452a,
                                               0x1a5f'849d'4933'e6e0, 0x6aa5'94f1'262d'2d2c};
    const std::vector<std::uint64_t> from_42 = {0x1578'0b2e'0c2e'c716, 0x6104'd986'6d11'3a7e,
                                                0xae17'5332'39e4'99a1, 0xecb8'ad47'03b3'60a1};
    EXPECT_EQ(draw(prng(0), 4), from_0);
    EXPECT_EQ(draw(prng(42), 4), from_42);
}

TEST(Prng, RepeatsItselfFromTheSameSeedOnly) {
    EXPECT_EQ(draw(prng(7), 100), draw(prng(7), 100));
    EXPECT_NE(draw(prng(7), 100), draw(prng(8), 100));
}

TEST(Prng, DrawsEachNumberBelowABoundAboutEquallyOften) {
    prng rng(1);
    for (const std::uint64_t bound : {1U, 2U, 3U, 7U, 10U, 64U, 100U}) {
        constexpr std::uint64_t draws = 10'000;
        std::vector<std::uint64_t> counts(bound);
        for (std::uint64_t i = 0; i < draws * bound; ++i) {
            const std::uint64_t drawn = rng.below(bound);
            ASSERT_LT(drawn, bound);
            ++counts[drawn];
        }
        for (const std::uint64_t count : counts) {
            EXPECT_NEAR(static_cast<double>(count), draws, 500) << bound; // five deviations
        }
    }
}

TEST(Prng, TakesBoundsOfEverySize) {
    prng rng(2);
    const std::uint64_t largest = prng::max();
    for (unsigned bits = 0; bits < 64; ++bits) {
        const std::uint64_t bound = std::uint64_t{1} << bits;
        EXPECT_LT(rng.below(bound), bound);
        EXPECT_LT(rng.below(bound + 1), bound + 1);
        EXPECT_EQ(rng.between(bound, bound), bound);
    }
    EXPECT_LT(rng.below(largest), largest);
    EXPECT_GE(rng.between(largest - 1, largest), largest - 1);
    EXPECT_NE(rng.between(0, largest), rng.between(0, largest));
}

TEST(Prng, DrawsBothEndsOfARange) {
    prng rng(3);
    std::vector<std::uint64_t> counts(3);
    for (int i = 0; i < 100; ++i) {
        ++counts.at(rng.between(10, 12) - 10);
    }
    EXPECT_EQ(std::ranges::count(counts, 0U), 0);
}

TEST(Prng, DrawsFractionsBetween0And1) {
    prng rng(4);
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double fraction = rng.fraction();
        ASSERT_GE(fraction, 0.0);
        ASSERT_LT(fraction, 1.0);
        sum += fraction;
    }
    EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(Prng, FillsAnyNumberOfBytes) {
    for (std::size_t size = 0; size < 40; ++size) {
        std::vector<std::byte> bytes(size + 1, std::byte{0xa5});
        prng(5).fill(std::span(bytes).first(size));
        EXPECT_EQ(bytes.back(), std::byte{0xa5});
        std::vector<std::byte> longer(size + 20);
        prng(5).fill(longer);
        EXPECT_TRUE(std::equal(bytes.begin(), bytes.end() - 1, longer.begin())) << size;
    }
}

TEST(Prng, ForksIntoStreamsThatDiffer) {
    prng parent(6);
    prng child = parent.fork();
    prng grandchild = child.fork();
    prng sibling = parent.fork();
    std::vector<std::uint64_t> all;
    for (const prng& each : {parent, child, grandchild, sibling}) {
        std::ranges::copy(draw(each, 1000), std::back_inserter(all));
    }
    std::ranges::sort(all);
    EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

TEST(Prng, ForksTheSameStreamsFromTheSameSeed) {
    prng first(6);
    prng second(6);
    EXPECT_EQ(draw(first.fork(), 10), draw(second.fork(), 10));
}

TEST(PrngDeathTest, NoNumberIsBelow0) {
    prng rng(1);
    EXPECT_DEATH(static_cast<void>(rng.below(0)), "no number below 0");
    EXPECT_DEATH(static_cast<void>(rng.between(2, 1)), "lowest number first");
}

TEST(SecureRandom, FillsAllBytesWithSomethingNew) {
    // More than the 256 bytes that the system gives without interruption.
    std::vector<std::byte> first(100'000);
    std::vector<std::byte> second(100'000);
    secure_random(first);
    secure_random(second);
    EXPECT_NE(first, second);
    for (const auto& bytes : {first, second}) {
        const auto zeros = static_cast<double>(std::ranges::count(bytes, std::byte{0}));
        EXPECT_NEAR(zeros, 100'000.0 / 256, 200); // ten deviations
        EXPECT_NE(std::span(bytes).last(16)[0], std::byte{0});
    }
    secure_random({});
    EXPECT_NE(secure_random_number(), secure_random_number());
}

} // namespace
} // namespace runnel
