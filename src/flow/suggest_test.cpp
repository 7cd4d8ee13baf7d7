// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/suggest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace runnel {
namespace {

constexpr std::array<std::string_view, 4> known{"nodelay", "keepalive", "connect-timeout", "tcp"};

TEST(Suggest, FindsTheWordThatWasMistyped) {
    EXPECT_EQ(closest_match("nodelya", known), "nodelay"); // swapped
    EXPECT_EQ(closest_match("nodely", known), "nodelay");  // missing
    EXPECT_EQ(closest_match("nodelayy", known), "nodelay");
    EXPECT_EQ(closest_match("NoDelay", known), "nodelay");
    EXPECT_EQ(closest_match("keep-alive", known), "keepalive");
    EXPECT_EQ(closest_match("conect_timeout", known), "connect-timeout");
    EXPECT_EQ(closest_match("tpc", known), "tcp");
    EXPECT_EQ(closest_match("tcp", known), "tcp");
}

TEST(Suggest, IsSilentWhenNothingIsClose) {
    EXPECT_EQ(closest_match("", known), "");
    EXPECT_EQ(closest_match("backlog", known), "");
    EXPECT_EQ(closest_match("udp", known), "");
    EXPECT_EQ(closest_match("x", known), "");
    EXPECT_EQ(closest_match(std::string(1000, 'a'), known), "");
    EXPECT_EQ(did_you_mean("backlog", known), "");
    EXPECT_EQ(closest_match("nodelay", {}), "");
}

TEST(Suggest, PrefersTheClosestAndThenTheFirst) {
    constexpr std::array<std::string_view, 3> words{"least", "lead", "read"};
    EXPECT_EQ(closest_match("lead", words), "lead");
    EXPECT_EQ(closest_match("bead", words), "lead");
}

TEST(Suggest, MakesTheEndOfAMessage) {
    EXPECT_EQ(did_you_mean("nodelya", known), "; did you mean 'nodelay'?");
}

} // namespace
} // namespace runnel
