// SPDX-License-Identifier: Apache-2.0
#include "process_time.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include <unistd.h>

namespace runnel::program {
namespace {

using namespace std::chrono_literals;

TEST(ProcessTime, AddsUserAndSystemTimeWhateverTheProgramIsCalled) {
    const auto time = parse_processor_time(
        "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 1 0 9 1 2", 100);
    ASSERT_TRUE(time.has_value());
    EXPECT_EQ(*time, 3s);
}

TEST(ProcessTime, RefusesATextThatIsCutOff) {
    EXPECT_FALSE(parse_processor_time("", 100).has_value());
    EXPECT_FALSE(parse_processor_time("42 (a)", 100).has_value());
    EXPECT_FALSE(parse_processor_time("42 (a) S 1 42", 100).has_value());
    EXPECT_FALSE(
        parse_processor_time("42 (a) S 1 42 42 0 -1 4194304 100 0 0 0 x 50 7", 100).has_value());
}

TEST(ProcessTime, KnowsItsOwnProcessAndNoOther) {
    EXPECT_TRUE(processor_time(static_cast<std::uint64_t>(getpid())).has_value());
    EXPECT_EQ(processor_time(4'000'000'000).error(), errc::not_found);
}

} // namespace
} // namespace runnel::program
