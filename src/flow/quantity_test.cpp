// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/quantity.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

template <class T>
std::string text_of(const result<T>& outcome) {
    return outcome ? "no error" : std::string(outcome.error().text());
}

TEST(Quantity, ReadsWholeNumbers) {
    EXPECT_EQ(parse_integer("0"), 0U);
    EXPECT_EQ(parse_integer("007"), 7U);
    EXPECT_EQ(parse_integer("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(Quantity, SaysWhatIsWrongWithANumber) {
    EXPECT_EQ(text_of(parse_integer("")), "expected a whole number, got ''");
    EXPECT_EQ(text_of(parse_integer("-1")), "expected a whole number, got '-1'");
    EXPECT_EQ(text_of(parse_integer("+1")), "expected a whole number, got '+1'");
    EXPECT_EQ(text_of(parse_integer(" 1")), "expected a whole number, got ' 1'");
    EXPECT_EQ(text_of(parse_integer("12x")), "expected a whole number, got '12x'");
    EXPECT_EQ(text_of(parse_integer("18446744073709551616")),
              "the number '18446744073709551616' is too large");
    EXPECT_EQ(parse_integer("x").error(), errc::invalid_argument);
}

TEST(Quantity, ReadsSizesInStepsOf1024And1000) {
    struct {
        std::string_view text;
        std::uint64_t bytes;
    } const cases[] = {
        {"0", 0},
        {"1", 1},
        {"512B", 512},
        {"64KiB", 65536},
        {"64kib", 65536},
        {"10k", 10240},
        {"10K", 10240},
        {"10kB", 10000},
        {"10KB", 10000},
        {"1MiB", 1 << 20},
        {"1m", 1 << 20},
        {"1MB", 1'000'000},
        {"3g", 3ULL << 30},
        {"2GiB", 2U << 30},
        {"1GB", 1'000'000'000},
        {"1T", 1ULL << 40},
        {"1TiB", 1ULL << 40},
        {"1TB", 1'000'000'000'000},
    };
    for (const auto& [text, bytes] : cases) {
        EXPECT_EQ(parse_bytes(text), bytes) << text;
    }
}

TEST(Quantity, SaysWhatIsWrongWithASize) {
    for (const std::string_view text :
         {"", "k", "1 k", "1kk", "1.5m", "-1", "1kiBs", "1 ", "0x10"}) {
        EXPECT_EQ(text_of(parse_bytes(text)),
                  "expected a size such as 65536, 64KiB or 10MB, got '" + std::string(text) + "'");
    }
    EXPECT_EQ(text_of(parse_bytes("16777216TiB")), "the size '16777216TiB' is too large");
    EXPECT_EQ(text_of(parse_bytes("99999999999999999999")),
              "the size '99999999999999999999' is too large");
}

TEST(Quantity, ReadsDurations) {
    struct {
        std::string_view text;
        nanoseconds duration;
    } const cases[] = {
        {"0", 0ns},
        {"0s", 0ns},
        {"10s", 10s},
        {"250ms", 250ms},
        {"1m30s", 90s},
        {"500us", 500us},
        {"7ns", 7ns},
        {"1h", 1h},
        {"2d", 48h},
        {"1d2h3m4s5ms6us7ns", 26h + 3min + 4s + 5ms + 6us + 7ns},
        {"1.5s", 1500ms},
        {"0.25ms", 250us},
        {"1.5h", 90min},
        {"1.000000001s", 1s + 1ns},
        {"0.0000000019s", 1ns},
        {"0.1234567891234s", 123456789ns},
        {"9223372036854775807ns", nanoseconds::max()},
    };
    for (const auto& [text, duration] : cases) {
        EXPECT_EQ(parse_duration(text), duration) << text;
    }
}

TEST(Quantity, SaysWhatIsWrongWithADuration) {
    for (const std::string_view text : {"", "s", "-1s", "1x", "1s1s", "1s1m", "1ms2s", "1 s",
                                        "1..5s", ".5s", "1.s", "1s ", "abc", "1sec", "."}) {
        EXPECT_EQ(text_of(parse_duration(text)),
                  "expected a duration such as 10s, 250ms or 1m30s, got '" + std::string(text) +
                      "'");
    }
    EXPECT_EQ(text_of(parse_duration("10")),
              "the duration '10' needs a unit: d, h, m, s, ms, us or ns");
    EXPECT_EQ(text_of(parse_duration("1m30")),
              "the duration '1m30' needs a unit: d, h, m, s, ms, us or ns");
    EXPECT_EQ(text_of(parse_duration("9223372036854775808ns")),
              "the duration '9223372036854775808ns' is too long");
    EXPECT_EQ(text_of(parse_duration("106752d")), "the duration '106752d' is too long");
    EXPECT_EQ(text_of(parse_duration("106751d24h")), "the duration '106751d24h' is too long");
    EXPECT_EQ(text_of(parse_duration("106751.999d")), "the duration '106751.999d' is too long");
    EXPECT_EQ(text_of(parse_duration("99999999999999999999s")),
              "the duration '99999999999999999999s' is too long");
}

TEST(Quantity, ShowsForeignTextWithoutItsControlCharacters) {
    EXPECT_EQ(text_of(parse_integer("\x1b[31m'\\\n")),
              "expected a whole number, got '\\x1b[31m\\'\\\\\\x0a'");
    EXPECT_EQ(text_of(parse_integer(std::string(100, 'x'))),
              "expected a whole number, got '" + std::string(80, 'x') + "…'");
    // The cut does not split a character of two bytes.
    EXPECT_EQ(
        text_of(parse_integer("x" + std::string(40, '\xc3') + std::string(100, '\xa4'))).back(),
        '\'');
}

TEST(Quantity, WritesSizesThatReadBack) {
    EXPECT_EQ(format_bytes(0), "0");
    EXPECT_EQ(format_bytes(1000), "1000");
    EXPECT_EQ(format_bytes(65536), "64KiB");
    EXPECT_EQ(format_bytes(3ULL << 50), "3072TiB");
    for (std::uint64_t bytes = 1; bytes < (1ULL << 60); bytes = bytes * 3 + 1) {
        EXPECT_EQ(parse_bytes(format_bytes(bytes)), bytes);
    }
}

TEST(Quantity, WritesDurationsThatReadBack) {
    EXPECT_EQ(format_duration(0ns), "0s");
    EXPECT_EQ(format_duration(90s), "1m30s");
    EXPECT_EQ(format_duration(2500ms), "2s500ms");
    EXPECT_EQ(format_duration(-1500us), "-1ms500us");
    EXPECT_EQ(format_duration(nanoseconds::min()), "-106751d23h47m16s854ms775us808ns");
    for (std::int64_t count = 1; count < (1LL << 60); count = count * 3 + 1) {
        EXPECT_EQ(parse_duration(format_duration(nanoseconds(count))), nanoseconds(count));
    }
}

} // namespace
} // namespace runnel
