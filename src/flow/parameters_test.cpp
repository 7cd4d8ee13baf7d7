// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/parameters.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

result<parameters> parse(std::string_view query) {
    return parameters::parse(std::make_shared<const std::string>("pipe:?" + std::string(query)), 6);
}

parameters parsed(std::string_view query) {
    auto read = parse(query);
    EXPECT_TRUE(read) << read.error().text();
    return read ? std::move(*read) : parameters();
}

template <class T>
std::string text_of(const result<T>& outcome) {
    return outcome ? "no error" : std::string(outcome.error().text());
}

TEST(Parameters, KeepTheirOrderAndTheirValues) {
    const parameters all = parsed("b&a=1&empty=&c=x%26y%3Dz=w");
    ASSERT_EQ(all.size(), 4U);
    std::string order;
    for (const parameter& one : all) {
        order += one.name() + (one.has_value() ? "=" : "") + one.text() + ";";
    }
    EXPECT_EQ(order, "b;a=1;empty=;c=x&y=z=w;");
    EXPECT_EQ(all.find("a")->text(), "1");
    EXPECT_EQ(all.find("A"), nullptr);
    EXPECT_EQ(all.text("a", "other"), "1");
    EXPECT_EQ(all.text("missing", "other"), "other");
    EXPECT_TRUE(parsed("").empty());
}

TEST(Parameters, AreRefusedWhenMalformed) {
    EXPECT_EQ(text_of(parse("a&&b")),
              "endpoint \"pipe:?a&&b\": character 9: expected the name of a parameter");
    EXPECT_EQ(text_of(parse("a&")),
              "endpoint \"pipe:?a&\": character 9: expected the name of a parameter");
    EXPECT_EQ(text_of(parse("=1")),
              "endpoint \"pipe:?=1\": character 7: expected the name of a parameter");
    EXPECT_EQ(text_of(parse("a b=1")), "endpoint \"pipe:?a b=1\": character 8: expected a letter, "
                                       "digit, '-', '_' or '.' in the name of a parameter");
    EXPECT_EQ(
        text_of(parse("a=1&b=%4")),
        "endpoint \"pipe:?a=1&b=%4\": character 13: expected two hexadecimal digits after '%'; a "
        "percent sign is written %25");
    EXPECT_EQ(text_of(parse("a=x%00y")),
              "endpoint \"pipe:?a=x%00y\": character 9: a NUL character is not allowed here");
    EXPECT_EQ(text_of(parse("a=1&b&a=2")),
              "endpoint \"pipe:?a=1&b&a=2\": character 13: parameter 'a' is given twice");
    std::string many = "p0";
    for (int i = 1; i <= 64; ++i) {
        many += "&p" + std::to_string(i);
    }
    EXPECT_NE(text_of(parse(many)).find("more than 64 parameters"), std::string::npos);
    many.resize(many.rfind('&'));
    EXPECT_EQ(parsed(many).size(), 64U);
}

TEST(Parameters, AreCheckedAgainstTheKnownOnes) {
    constexpr std::array<std::string_view, 3> known{"nodelay", "keepalive", "backlog"};
    EXPECT_TRUE(parsed("").check_known(known));
    EXPECT_TRUE(parsed("keepalive=1s&nodelay").check_known(known));
    const auto unknown = parsed("nodelay&nodelya").check_known(known);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error(), errc::invalid_argument);
    EXPECT_EQ(text_of(unknown),
              "endpoint \"pipe:?nodelay&nodelya\": character 15: unknown parameter "
              "'nodelya'; did you mean 'nodelay'?");
    EXPECT_EQ(text_of(parsed("zzz=1").check_known(known)),
              "endpoint \"pipe:?zzz=1\": character 7: unknown parameter 'zzz'");
}

TEST(Parameters, ReadSwitches) {
    for (const char* on : {"a", "a=yes", "a=on", "a=true", "a=1"}) {
        EXPECT_EQ(parsed(on).flag("a"), true) << on;
    }
    for (const char* off : {"a=no", "a=off", "a=false", "a=0"}) {
        EXPECT_EQ(parsed(off).flag("a", true), false) << off;
    }
    EXPECT_EQ(parsed("").flag("a"), false);
    EXPECT_EQ(parsed("").flag("a", true), true);
    EXPECT_EQ(
        text_of(parsed("a=maybe").flag("a")),
        "endpoint \"pipe:?a=maybe\": character 9: parameter 'a': expected yes or no, got 'maybe'");
    EXPECT_FALSE(parsed("a=").flag("a"));
}

TEST(Parameters, ReadNumbersWithinBounds) {
    EXPECT_EQ(parsed("a=128").integer("a", 5, 1, 128), 128U);
    EXPECT_EQ(parsed("").integer("a", 5, 1, 128), 5U);
    EXPECT_EQ(
        text_of(parsed("backlog=0").integer("backlog", 5, 1, 65535)),
        "endpoint \"pipe:?backlog=0\": character 15: parameter 'backlog': 0 is out of range (1 to "
        "65535)");
    EXPECT_EQ(text_of(parsed("a=1").integer("a", 5, 2)),
              "endpoint \"pipe:?a=1\": character 9: parameter 'a': 1 is out of range (at least 2)");
    EXPECT_EQ(
        text_of(parsed("a=x").integer("a", 5)),
        "endpoint \"pipe:?a=x\": character 9: parameter 'a': expected a whole number, got 'x'");
    EXPECT_EQ(text_of(parsed("a").integer("a", 5)),
              "endpoint \"pipe:?a\": character 7: parameter 'a': expected a whole number, got ''");
}

TEST(Parameters, ReadSizesWithinBounds) {
    EXPECT_EQ(parsed("rcvbuf=1MiB").bytes("rcvbuf", 0), 1U << 20U);
    EXPECT_EQ(parsed("").bytes("rcvbuf", 4096), 4096U);
    EXPECT_EQ(
        text_of(parsed("a=2MiB").bytes("a", 0, 4096, 1U << 20U)),
        "endpoint \"pipe:?a=2MiB\": character 9: parameter 'a': 2MiB is out of range (4KiB to "
        "1MiB)");
}

TEST(Parameters, ReadDurationsWithinBounds) {
    EXPECT_EQ(parsed("t=1m30s").duration("t", 5s), nanoseconds(90s));
    EXPECT_EQ(parsed("").duration("t", 5s), nanoseconds(5s));
    EXPECT_EQ(
        text_of(parsed("t=2h").duration("t", 5s, 1ms, 1h)),
        "endpoint \"pipe:?t=2h\": character 9: parameter 't': 2h is out of range (1ms to 1h)");
    EXPECT_EQ(
        text_of(parsed("t=0").duration("t", 5s, 1ms)),
        "endpoint \"pipe:?t=0\": character 9: parameter 't': 0s is out of range (at least 1ms)");
    EXPECT_EQ(
        text_of(parsed("t=5").duration("t", 5s)),
        "endpoint \"pipe:?t=5\": character 9: parameter 't': the duration '5' needs a unit: d, h, "
        "m, s, ms, us or ns");
}

TEST(Parameters, ReadListsOfDurations) {
    const parameters all = parsed("a=1s,2ms,3m");
    EXPECT_EQ(all.find("a")->durations(), (std::vector<nanoseconds>{1s, 2ms, 3min}));
    EXPECT_EQ(
        text_of(all.find("a")->durations(2, 2)),
        "endpoint \"pipe:?a=1s,2ms,3m\": character 9: parameter 'a': expected 2 durations, got 3");
    EXPECT_EQ(text_of(all.find("a")->durations(4)), "endpoint \"pipe:?a=1s,2ms,3m\": character 9: "
                                                    "parameter 'a': expected at least 4 durations, "
                                                    "got 3");
    EXPECT_EQ(text_of(parsed("a").find("a")->durations(1, 3)),
              "endpoint \"pipe:?a\": character 7: parameter 'a': expected 1 to 3 durations, got 0");
    EXPECT_EQ(
        text_of(parsed("a=1s,x").find("a")->durations()),
        "endpoint \"pipe:?a=1s,x\": character 12: parameter 'a': expected a duration such as 10s, "
        "250ms or 1m30s, got 'x'");
}

TEST(Parameters, SplitListsOfMixedKinds) {
    const std::vector<parameter> items = parsed("keepalive=60s,10s,6").find("keepalive")->items();
    ASSERT_EQ(items.size(), 3U);
    EXPECT_EQ(items[0].duration(), nanoseconds(60s));
    EXPECT_EQ(items[2].integer(1, 100), 6U);
    EXPECT_EQ(text_of(items[2].integer(1, 5)),
              "endpoint \"pipe:?keepalive=60s,10s,6\": character 25: "
              "parameter 'keepalive': 6 is out of range (1 to 5)");
    const std::vector<parameter> escaped = parsed("a=x%2Cy,,z").find("a")->items();
    ASSERT_EQ(escaped.size(), 3U);
    EXPECT_EQ(escaped[0].text(), "x,y");
    EXPECT_EQ(escaped[1].text(), "");
    EXPECT_EQ(escaped[2].text(), "z");
    EXPECT_EQ(parsed("a=").find("a")->items().size(), 1U);
    EXPECT_TRUE(parsed("a").find("a")->items().empty());
}

TEST(Parameters, OutliveTheirCollection) {
    const parameter one = *parsed("mode=abc").find("mode");
    EXPECT_EQ(one.bad("expected 'octal'").text(),
              "endpoint \"pipe:?mode=abc\": character 12: parameter 'mode': expected 'octal'");
}

TEST(Parameters, WriteThemselvesCanonically) {
    struct {
        std::string_view query;
        std::string_view canonical;
    } const cases[] = {
        {"", ""},
        {"a&b=1&c=", "?a&b=1&c="},
        {"a=%61b%26%3f%25", "?a=ab%26?%25"},
        {"a=x%2Cy,,z", "?a=x%2Cy,,z"},
        {"a=,x", "?a=,x"},
        {"a=%0a", "?a=%0A"},
        {"a=b=c&d=?", "?a=b=c&d=?"},
    };
    for (const auto& [query, canonical] : cases) {
        const parameters all = parsed(query);
        EXPECT_EQ(all.to_string(), canonical);
        EXPECT_EQ(parsed(canonical.substr(canonical.empty() ? 0 : 1)), all);
    }
    EXPECT_NE(parsed("a=x%2Cy"), parsed("a=x,y"));
    EXPECT_NE(parsed("a"), parsed("a="));
    EXPECT_NE(parsed("a&b"), parsed("b&a"));
    EXPECT_EQ(parsed("a=%78"), parsed("a=x"));
}

} // namespace
} // namespace runnel
