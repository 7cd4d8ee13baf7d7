// SPDX-License-Identifier: Apache-2.0
#include "histogram.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace runnel::program {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, OfNothingIsAllZero) {
    const histogram none;
    EXPECT_EQ(none.count(), 0U);
    EXPECT_EQ(none.mean(), 0ns);
    EXPECT_EQ(none.quantile(0.5), 0ns);
}

TEST(Histogram, KeepsSmallValuesExactly) {
    histogram values;
    for (int i = 1; i <= 100; ++i) {
        values.record(duration(i));
    }
    EXPECT_EQ(values.quantile(0.5), 50ns);
    EXPECT_EQ(values.quantile(0.99), 99ns);
    EXPECT_EQ(values.quantile(1), 100ns);
    EXPECT_EQ(values.quantile(0), 1ns);
    EXPECT_EQ(values.mean(), 50ns);
    EXPECT_EQ(values.max(), 100ns);
}

TEST(Histogram, AgreesWithSortingUpToOnePercent) {
    prng drawn(7);
    histogram values;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 20000; ++i) {
        const auto value = static_cast<std::int64_t>(drawn() >> drawn.between(25, 60));
        all.push_back(value);
        values.record(duration(value));
    }
    std::ranges::sort(all);
    for (const double fraction : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(fraction * static_cast<double>(all.size())) - 1;
        const auto exact = static_cast<double>(all[rank]);
        const auto got = static_cast<double>(values.quantile(fraction).count());
        EXPECT_GE(got, exact * 0.999) << fraction;
        EXPECT_LE(got, exact * 1.01 + 1) << fraction;
    }
}

TEST(Histogram, MergesAndTakesWhatIsOutOfRange) {
    histogram a;
    a.record(-5ns);
    a.record(1h);
    histogram b;
    b.record(10us);
    a.merge(b);
    EXPECT_EQ(a.count(), 3U);
    EXPECT_EQ(a.max(), 1h);
    EXPECT_EQ(a.quantile(0.1), 0ns);
    EXPECT_NEAR(static_cast<double>(a.quantile(0.5).count()), 10000, 100);
}

} // namespace
} // namespace runnel::program
