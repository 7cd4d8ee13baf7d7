// SPDX-License-Identifier: Apache-2.0
// Values of fields: dates, ranges, tags and weights.

#include "engine_test.hpp"
#include "runnel/http/date.hpp"
#include "runnel/http/entity_tag.hpp"
#include "runnel/http/quality.hpp"
#include "runnel/http/range.hpp"

#include <chrono>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

std::string ranges_of(std::string_view value, std::uint64_t size = 100) {
    const byte_ranges ranges(value, size);
    if (ranges.what() != byte_ranges::outcome::parts) {
        return ranges.what() == byte_ranges::outcome::whole ? "whole" : "unsatisfiable";
    }
    std::string text;
    for (const byte_range& each : ranges.parts()) {
        text += std::to_string(each.first) + "-" + std::to_string(each.last) + " ";
    }
    return text;
}

TEST(Dates, AreReadInAllThreeFormatsAndWrittenInTheOneOfToday) {
    constexpr sys_seconds moment(784111777s);
    for (const std::string_view text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994"}) {
        EXPECT_EQ(parse_date(text), moment) << text;
    }
    EXPECT_EQ(date_text(moment).text(), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(date_text(sys_seconds(0s)).text(), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(date_text(sys_seconds(-1s)).text(), "Wed, 31 Dec 1969 23:59:59 GMT");
    EXPECT_EQ(date_text(sys_seconds::max()).text(), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(date_text(sys_seconds::min()).text(), "Mon, 01 Jan 0001 00:00:00 GMT");
    for (std::int64_t second = -100000; second < 5000000000; second += 12345678) {
        const sys_seconds each{std::chrono::seconds(second)};
        EXPECT_EQ(parse_date(date_text(each).text()), each);
    }
}

TEST(Dates, ThatDoNotExistAreRefused) {
    for (const std::string_view text :
         {"", "Sun, 06 Nov 1994 08:49:37", "Mon, 06 Nov 1994 08:49:37 GMT",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
          "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 06 Nov 1994 08:49:37 GMTx", "Thu, 31 Nov 1994 08:49:37 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994 ", "784111777", "Sun"}) {
        EXPECT_EQ(parse_date(text), std::nullopt) << text;
    }
    EXPECT_TRUE(parse_date("Tue, 29 Feb 2000 00:00:00 GMT"));
    EXPECT_FALSE(parse_date("Mon, 29 Feb 2100 00:00:00 GMT"));
    EXPECT_EQ(parse_date("Thursday, 01-Jan-70 00:00:00 GMT"), sys_seconds(0s));
    EXPECT_TRUE(parse_date("Tuesday, 01-Jan-69 00:00:00 GMT")); // 2069
}

TEST(Ranges, LieInsideInTheOrderAskedFor) {
    EXPECT_EQ(ranges_of("bytes=0-0"), "0-0 ");
    EXPECT_EQ(ranges_of("BYTES=50-"), "50-99 ");
    EXPECT_EQ(ranges_of("bytes=-10"), "90-99 ");
    EXPECT_EQ(ranges_of("bytes=-1000"), "0-99 ");
    EXPECT_EQ(ranges_of("bytes=90-1000"), "90-99 ");
    EXPECT_EQ(ranges_of("bytes=50-59, 0-9,\t-5"), "50-59 0-9 95-99 ");
    EXPECT_EQ(ranges_of("bytes=0-9,200-300"), "0-9 ");
    EXPECT_EQ(ranges_of("bytes=5-99999999999999999999999999"), "5-99 ");
    EXPECT_EQ(ranges_of("bytes=100-"), "unsatisfiable");
    EXPECT_EQ(ranges_of("bytes=-0"), "unsatisfiable");
    EXPECT_EQ(ranges_of("bytes=0-", 0), "unsatisfiable");
    EXPECT_EQ(ranges_of("bytes=-1", 0), "unsatisfiable");
    EXPECT_EQ(ranges_of("bytes=99999999999999999999999999-"), "unsatisfiable");
}

TEST(Ranges, AreIgnoredWhereTheyAreWrongOrTooMany) {
    for (const std::string_view value :
         {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1", "bytes =1-2",
          "lines=1-2", "bytes=0-9,", "bytes=0-9,,20-29", "bytes=0x1-2", "bytes=+1-2", "bytes=1--2",
          "bytes=0-9,5-15", "bytes=0-,0-", "bytes=1- 2"}) {
        EXPECT_EQ(ranges_of(value), "whole") << value;
    }
    std::string many = "bytes=0-0";
    for (int count = 1; count < 16; ++count) {
        many += "," + std::to_string(count * 2) + "-" + std::to_string(count * 2);
    }
    EXPECT_EQ(byte_ranges(many, 100).parts().size(), 16U);
    EXPECT_EQ(ranges_of(many + ",50-50"), "whole");
}

TEST(EntityTags, CompareAsTheirFieldsSay) {
    const entity_tag strong{.opaque = "a"};
    const entity_tag weak{.opaque = "a", .weak = true};
    EXPECT_EQ(parse_entity_tag("\"a\""), strong);
    EXPECT_EQ(parse_entity_tag("W/\"a\""), weak);
    EXPECT_EQ(parse_entity_tag("\"\"")->opaque, "");
    for (const std::string_view text :
         {"", "a", "\"a", "a\"", "w/\"a\"", "\"a\"b", "W/a", "\"a b\"", "W/ \"a\""}) {
        EXPECT_FALSE(parse_entity_tag(text)) << text;
    }
    EXPECT_TRUE(strongly_equal(strong, strong));
    EXPECT_FALSE(strongly_equal(strong, weak));
    EXPECT_FALSE(strongly_equal(weak, weak));
    EXPECT_TRUE(weakly_equal(strong, weak));
    EXPECT_TRUE(if_match_holds("*", strong));
    EXPECT_TRUE(if_match_holds("\"x\" , \"a\"", strong));
    EXPECT_FALSE(if_match_holds("W/\"a\"", strong));
    EXPECT_FALSE(if_match_holds("\"a\", x", strong));
    EXPECT_FALSE(if_match_holds("\"a\"\"b\"", strong));
    EXPECT_TRUE(if_none_match_names("\"b\\\", W/\"a\"", strong));
    EXPECT_FALSE(if_none_match_names("\"b\"", strong));
    EXPECT_FALSE(if_none_match_names("", strong));
}

TEST(Quality, IsTakenFromTheElementThatFitsBest) {
    EXPECT_EQ(parse_weighted("text/html;level=1;Q=0.5;x=y")->what, "text/html;level=1");
    EXPECT_EQ(parse_weighted("a;b=\"q=0;\\\"\";q=0.25")->quality, 250U);
    EXPECT_EQ(parse_weighted("a ; q=1.000")->quality, 1000U);
    EXPECT_EQ(parse_weighted("a")->quality, 1000U);
    EXPECT_EQ(parse_weighted("a;q=0.")->quality, 0U);
    for (const std::string_view text :
         {"a;q=", "a;q=2", "a;q=1.001", "a;q=0.1234", "a;q=.5", "a;q=-1", "a;q=0,5", "a;q=1e0"}) {
        EXPECT_FALSE(parse_weighted(text)) << text;
    }
    head_parser parser(head_parser::kind::trailers);
    const exact_bytes bytes("Accept-Encoding: gzip;q=0.5, br\r\naccept-encoding: *;q=0.1, x;q=0"
                            "\r\n\r\n");
    ASSERT_EQ(parser.parse(bytes.span()), true);
    EXPECT_EQ(quality_of(parser.fields(), "Accept-Encoding", "GZIP"), 500U);
    EXPECT_EQ(quality_of(parser.fields(), "Accept-Encoding", "br"), 1000U);
    EXPECT_EQ(quality_of(parser.fields(), "Accept-Encoding", "zstd"), 100U);
    EXPECT_EQ(quality_of(parser.fields(), "Accept-Encoding", "x"), 0U);
    EXPECT_EQ(quality_of(parser.fields(), "Accept-Language", "de"), 0U);
}

} // namespace
} // namespace runnel::http
