// SPDX-License-Identifier: Apache-2.0
#include "human.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "wrap.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::program {
namespace {

using namespace std::chrono_literals;

const terminal plain(STDOUT_FILENO, false, false, 80);
const terminal colored(STDOUT_FILENO, true, true, 80);

TEST(Human, GivesBytesThreeDigitsAndAUnit) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(1023), "1023 B");
    EXPECT_EQ(human_bytes(1024), "1.00 KiB");
    EXPECT_EQ(human_bytes(1536), "1.50 KiB");
    EXPECT_EQ(human_bytes(10.0 * 1024), "10.0 KiB");
    EXPECT_EQ(human_bytes(123.0 * 1024 * 1024), "123 MiB");
    EXPECT_EQ(human_bytes(1024.0 * 1024 * 1024 - 1), "1.00 GiB");
    EXPECT_EQ(human_bytes(18446744073709551615.0), "16384 PiB");
}

TEST(Human, GivesRatesAlsoOfNoTime) {
    EXPECT_EQ(human_rate(2048, 2s), "1.00 KiB/s");
    EXPECT_EQ(human_rate(2048, 0s), "0 B/s");
}

TEST(Human, GivesDurationsInTheLargestUnitAndLongOnesAsAClock) {
    EXPECT_EQ(human_duration(0ns), "0 ns");
    EXPECT_EQ(human_duration(1230us), "1.23 ms");
    EXPECT_EQ(human_duration(999'999ns), "1.00 ms");
    EXPECT_EQ(human_duration(59s), "59.0 s");
    EXPECT_EQ(human_duration(59'900ms), "1:00");
    EXPECT_EQ(human_duration(61s), "1:01");
    EXPECT_EQ(human_duration(3723s), "1:02:03");
    EXPECT_EQ(human_clock(4600ms), "0:05");
}

TEST(Human, GivesCountsAndPlurals) {
    EXPECT_EQ(human_count(999), "999");
    EXPECT_EQ(human_count(1234), "1.23k");
    EXPECT_EQ(human_count(4.56e6), "4.56M");
    EXPECT_EQ(plural(1, "connection"), "1 connection");
    EXPECT_EQ(plural(0, "connection"), "0 connections");
}

TEST(Human, GivesErrorsAsOneClause) {
    EXPECT_EQ(human_error(error::from_errno(ECONNREFUSED, "connect tcp://h:9")),
              "connect tcp://h:9: connection refused");
    EXPECT_EQ(human_error(error::from_errno(EIO)), human_error(error::from_errno(EIO, {})));
    EXPECT_EQ(human_error(error(errc::invalid_argument, "expected a number")), "expected a number");
    EXPECT_EQ(human_error(errc::end), std::string(describe(errc::end)));
}

TEST(Wrap, BreaksAtSpacesAndIndents) {
    EXPECT_EQ(wrap("one two three", 2, 9), "  one two\n  three\n");
    EXPECT_EQ(wrap("one two", 6, 80, "  -x"), "  -x  one two\n");
    EXPECT_EQ(wrap("one two", 4, 80, "  --long"), "  --long\n    one two\n");
    EXPECT_EQ(wrap("toolongtofit b", 2, 6), "  toolongtofit\n  b\n");
    EXPECT_EQ(wrap("", 2, 6), "  \n");
}

TEST(Terminal, PaintsOnlyWithColors) {
    EXPECT_EQ(plain.paint(style::red, "x"), "x");
    EXPECT_EQ(colored.paint(style::red, "x"), "\033[31mx\033[0m");
}

TEST(Terminal, UsesNoColorsForAFileUnlessForced) {
    EXPECT_FALSE(terminal(-1, color_mode::automatic).colors());
    EXPECT_TRUE(terminal(-1, color_mode::always).colors());
    EXPECT_FALSE(terminal(-1, color_mode::never).colors());
}

TEST(Terminal, SaysWhenTheStreamTakesNothing) {
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) {
        GTEST_SKIP() << "no /dev/full";
    }
    EXPECT_FALSE(terminal(full, color_mode::never).write("x"));
    close(full);
}

TEST(Terminal, MakesControlCharactersVisible) {
    EXPECT_EQ(printable("a\033[2J\nb\x7f"), "a\\x1b[2J\\x0ab\\x7f");
    EXPECT_EQ(printable("\xc3\xa4"), "\xc3\xa4");
}

TEST(Table, AlignsColumnsByWhatTheTerminalShows) {
    table table({{"name"}, {"bytes", table::align::right}});
    table.row({"\xc3\xa4", "1"});
    table.row({"longer", "123456"});
    table.row({"alone"});
    EXPECT_EQ(table.render(plain, 2), "  name     bytes\n"
                                      "  \xc3\xa4            1\n"
                                      "  longer  123456\n"
                                      "  alone\n");
}

TEST(Report, SaysTheSameToPeopleAndAsJson) {
    report facts;
    facts.section("a", "Part A").text("x", "the x", "1").flag("y", "the y", true);
    facts.section("b", "Part B").list("l", "list", {"p", "q"}).number("n", "number", 7);
    EXPECT_EQ(facts.render(plain), "Part A\n"
                                   "  the x                 1\n"
                                   "  the y                 yes\n"
                                   "\n"
                                   "Part B\n"
                                   "  list                  p, q\n"
                                   "  number                7\n");
    EXPECT_EQ(facts.render_json(), R"({
  "a": {
    "x": "1",
    "y": true
  },
  "b": {
    "l": [
      "p",
      "q"
    ],
    "n": 7
  }
}
)");
}

TEST(Progress, ShowsABarIfTheTotalIsKnown) {
    const transfer_state state{512UL * 1024, 1024UL * 1024, 2s, 256.0 * 1024};
    EXPECT_EQ(render_transfer(state, 80),
              "[###############...............]   50%  512 KiB of 1.00 MiB  256 KiB/s  eta 0:02");
}

TEST(Progress, DropsTheBarWhereThereIsNoRoomAndNeverTakesMore) {
    const transfer_state state{512UL * 1024, 1024UL * 1024, 2s, 256.0 * 1024};
    EXPECT_EQ(render_transfer(state, 56), " 50%  512 KiB of 1.00 MiB  256 KiB/s  eta 0:02");
    for (std::size_t width = 0; width < 120; ++width) {
        EXPECT_LE(render_transfer(state, width).size(), width);
    }
}

TEST(Progress, ShowsBytesAndTimeIfTheTotalIsUnknown) {
    EXPECT_EQ(render_transfer({1024, {}, 90s, 0}, 80), "1.00 KiB  0 B/s  1:30");
}

TEST(Progress, IsDoneWithAnEmptyFileAndSurvivesOneThatGrows) {
    EXPECT_TRUE(render_transfer({0, 0, 0s, 0}, 80).contains("100%"));
    EXPECT_TRUE(render_transfer({2048, 1024, 1s, 1024}, 80).contains("100%"));
}

TEST(Progress, FollowsTheRate) {
    smooth_rate rate;
    time_point now{};
    rate.update(0, now);
    for (std::uint64_t i = 1; i <= 10; ++i) {
        rate.update(i * 100, now += 1s);
        EXPECT_NEAR(rate.per_second(), 100, 1e-6);
    }
    for (std::uint64_t i = 0; i < 30; ++i) {
        rate.update(1000, now += 1s);
    }
    EXPECT_NEAR(rate.per_second(), 0, 0.1);
}

TEST(Progress, RewritesItsLineAndRemovesIt) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    {
        const terminal target(ends[1], true, false, 80);
        status_line line(target);
        line.show("one");
        line.show("two");
        target.write_line("a message\n"); // in its place
        line.show("three");
    }
    std::array<char, 64> read_back{};
    const ssize_t count = read(ends[0], read_back.data(), read_back.size());
    EXPECT_EQ(std::string_view(read_back.data(), static_cast<std::size_t>(count)),
              "one\033[K\rtwo\033[K\r\033[Ka message\nthree\033[K\r\033[K");
    close(ends[0]);
    close(ends[1]);
}

TEST(Progress, SaysNothingWhereNobodyWatches) {
    const terminal target(-1, false, false, 80);
    status_line line(target);
    EXPECT_FALSE(line.active());
    line.show("one"); // would fail loudly under a sanitizer if it used the descriptor
}

} // namespace
} // namespace runnel::program
