// SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace runnel::program {
namespace {

TEST(Json, WritesNestedObjectsAndArraysWithCommasBetweenMembers) {
    json_writer json;
    json.begin_object().member("name", "a").key("list").begin_array().value(1).value(-2).end();
    json.key("empty").begin_object().end().member("last", true).end();
    EXPECT_EQ(json.take(), R"({
  "name": "a",
  "list": [
    1,
    -2
  ],
  "empty": {},
  "last": true
}
)");
}

TEST(Json, EscapesWhatWouldEndAStringOrIsAControlCharacter) {
    EXPECT_EQ(json_quote("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(json_quote(std::string_view("\n\r\t\0\x1f\x7f", 6)), R"("\n\r\t\u0000\u001f\u007f")");
}

TEST(Json, KeepsWellFormedUtf8) {
    const std::string_view text = "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80";
    EXPECT_EQ(json_quote(text), "\"" + std::string(text) + "\"");
}

TEST(Json, ReplacesEachByteThatIsNotUtf8) {
    const std::string bad = "\xef\xbf\xbd";
    EXPECT_EQ(json_quote("\xff"), "\"" + bad + "\"");
    EXPECT_EQ(json_quote("\x80x"), "\"" + bad + "x\"");
    EXPECT_EQ(json_quote("\xc3"), "\"" + bad + "\"") << "cut off";
    EXPECT_EQ(json_quote("\xc0\xaf"), "\"" + bad + bad + "\"") << "longer than it must be";
    EXPECT_EQ(json_quote("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"") << "a surrogate";
    EXPECT_EQ(json_quote("\xf4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"")
        << "above U+10FFFF";
}

TEST(Json, KeepsAllDigitsOfIntegersAndHasNoInfinity) {
    json_writer json;
    json.begin_array().value(std::numeric_limits<std::uint64_t>::max());
    json.value(std::numeric_limits<std::int64_t>::min());
    json.value(0.1).value(std::numeric_limits<double>::infinity()).null().end();
    EXPECT_EQ(json.take(),
              "[\n  18446744073709551615,\n  -9223372036854775808,\n  0.1,\n  null,\n  null\n]\n");
}

} // namespace
} // namespace runnel::program
