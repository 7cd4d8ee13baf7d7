// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/percent.hpp"

#include <gtest/gtest.h>

#include <string>

namespace runnel {
namespace {

using namespace std::string_literals;

TEST(Percent, DecodesEachPairOfHexadecimalDigits) {
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_EQ(percent_decode("plain+text"), "plain+text");
    EXPECT_EQ(percent_decode("a%20b%3fc%3F%25"), "a b?c?%");
    EXPECT_EQ(percent_decode("%00"), "\0"s);
    EXPECT_EQ(percent_decode("%c3%A4"), "ä");
    EXPECT_EQ(percent_decode("%2541"), "%41") << "decodes once";
}

TEST(Percent, TellsWhereAPercentSignStandsAlone) {
    EXPECT_EQ(percent_decode("%").error(), 0U);
    EXPECT_EQ(percent_decode("ab%2").error(), 2U);
    EXPECT_EQ(percent_decode("%20%2x").error(), 3U);
    EXPECT_EQ(percent_decode("%x2").error(), 0U);
    EXPECT_EQ(percent_decode("%+1").error(), 0U);
    EXPECT_EQ(percent_decode("%%41").error(), 0U);
}

TEST(Percent, EncodesWhatIsReservedAndControlCharacters) {
    EXPECT_EQ(percent_encode("a b", ""), "a b");
    EXPECT_EQ(percent_encode("a?b&c", "?"), "a%3Fb&c");
    EXPECT_EQ(percent_encode("100%", ""), "100%25");
    EXPECT_EQ(percent_encode("\n\x7f\0"s, ""), "%0A%7F%00");
    EXPECT_EQ(percent_encode("ä", ""), "ä");
}

TEST(Percent, DecodesEverythingItEncodes) {
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) {
        every_byte += static_cast<char>(byte);
    }
    EXPECT_EQ(percent_decode(percent_encode(every_byte, "?&,")), every_byte);
}

} // namespace
} // namespace runnel
