// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/buffered_flow.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

const std::string end = "<end of stream>";
const std::string truncated = "<" + std::string(describe(errc::truncated)) + ">";
const std::string too_long = "<" + std::string(describe(errc::limit_exceeded)) + ">";

constexpr const char* song = "I am the very model of a modern major general";

/// What `read_line(limit)` makes of a stream, and what can be read after it.
task<std::string> line_of(std::string stream, std::size_t limit) {
    buffered_flow source(make_source(stream));
    const result<buffer> line = co_await source.read_line(limit);
    std::string seen = text_of(line);
    const result<buffer> rest = co_await source.read();
    co_return seen + "|" + text_of(rest);
}

TEST(BufferedFlow, ReadsALineEndedByTheStream) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ(co_await line_of(song, 100), song + ("|" + end));
        EXPECT_EQ(co_await line_of(song, 50), song + ("|" + end));
        EXPECT_EQ(co_await line_of(song, 46), song + ("|" + end));
        EXPECT_EQ(co_await line_of("foo\r", 100), "foo\r|" + end);
    });
}

TEST(BufferedFlow, IsAtItsEndWhereNoLineBegins) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ(co_await line_of("", 100), end + "|" + end);
        buffered_flow source(make_source("last\n"));
        EXPECT_EQ(text_of(co_await source.read_line(10)), "last");
        EXPECT_EQ(text_of(co_await source.read_line(10)), end);
        EXPECT_EQ(text_of(co_await source.read_line(10)), end);
    });
}

TEST(BufferedFlow, CountsTheEndOfALineAgainstItsLimit) {
    run_virtual([]() -> task<void> {
        EXPECT_EQ(co_await line_of(song, 5), too_long + "|" + song);
        EXPECT_EQ(co_await line_of(std::string("I\r\n") + song, 5), "I|" + std::string(song));
        EXPECT_EQ(co_await line_of("foo", 3), too_long + "|foo");
        EXPECT_EQ(co_await line_of("foo", 4), "foo|" + end);
        EXPECT_EQ(co_await line_of("foo\r", 3), too_long + "|foo\r");
        EXPECT_EQ(co_await line_of("foo\r\n", 3), too_long + "|foo\r\n");
        EXPECT_EQ(co_await line_of("foo\r\n", 4), too_long + "|foo\r\n");
        EXPECT_EQ(co_await line_of("foo\r\n", 5), "foo|" + end);
        EXPECT_EQ(co_await line_of("foo\n", 3), too_long + "|foo\n");
        EXPECT_EQ(co_await line_of("foo\n", 4), "foo|" + end);
        EXPECT_EQ(co_await line_of("\n", 1), "|" + end);
        EXPECT_EQ(co_await line_of("\n", 0), too_long + "|\n");
    });
}

TEST(BufferedFlow, KeepsCarriageReturnsWithinALine) {
    run_virtual(
        []() -> task<void> { EXPECT_EQ(co_await line_of("a\rb\r\r\nc", 100), "a\rb\r|c"); });
}

TEST(BufferedFlow, ReadsLinesAcrossPiecesOfAnySize) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> pieces{"hel", "lo\r", "\nwor", "ld", "\n", "\r", "\n", "x"};
        buffered_flow source(make_source(std::move(pieces)));
        EXPECT_EQ(text_of(co_await source.read_line(100)), "hello");
        EXPECT_EQ(text_of(co_await source.read_line(100)), "world");
        EXPECT_EQ(text_of(co_await source.read_line(100)), "");
        EXPECT_EQ(text_of(co_await source.read_line(100)), "x");
        EXPECT_EQ(text_of(co_await source.read_line(100)), end);
    });
}

TEST(BufferedFlow, ReadsSoManyBytesAndLosesNoneAtTheEnd) {
    run_virtual([]() -> task<void> {
        buffered_flow source(make_source(song));
        EXPECT_EQ(text_of(co_await source.read_exactly(4)), "I am");
        EXPECT_EQ(text_of(co_await source.read_exactly(0)), "");
        EXPECT_EQ(text_of(co_await source.read_exactly(34)), " the very model of a modern major ");
        const result<buffer> cut = co_await source.read_exactly(8);
        EXPECT_EQ(cut.error(), errc::truncated);
        EXPECT_EQ(cut.error().text(), "the stream ended after 7 of 8 bytes");
        EXPECT_EQ(source.buffered(), 7U);
        EXPECT_EQ(text_of(co_await source.read()), "general");
        EXPECT_EQ(text_of(co_await source.read_exactly(1)), end);
    });
}

TEST(BufferedFlow, WritesAfterReadingFoundTheEnd) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        (void)co_await pipe.second->shutdown(direction::write);
        EXPECT_EQ(text_of(co_await channel.read_line(10)), end);
        (void)co_await channel.write("still here\n");
        const result<void> flushed = co_await channel.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(text_of(co_await pipe.second->read()), "still here\n");
    });
}

TEST(BufferedFlow, ReadsUpToADelimiter) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> pieces{"a--b-", "-=", "=c-", "-", "==", "=-", "d--"};
        buffered_flow source(make_source(std::move(pieces)));
        EXPECT_EQ(text_of(co_await source.read_until("--==", 100)), "a--b");
        EXPECT_EQ(text_of(co_await source.read_until("--==", 5)), "c");
        EXPECT_EQ(text_of(co_await source.read_until("--==", 4)), too_long);
        EXPECT_EQ(text_of(co_await source.read_until("--==", 100)), truncated);
        EXPECT_EQ(text_of(co_await source.read_exactly(5)), "=-d--");
        EXPECT_EQ(text_of(co_await source.read_until("--==", 100)), end);
    });
}

TEST(BufferedFlow, FindsADelimiterThatBeginsTwice) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> pieces{"aa", "a", "ab", "|aab"};
        buffered_flow source(make_source(std::move(pieces)));
        EXPECT_EQ(text_of(co_await source.read_until("aab", 100)), "aa");
        EXPECT_EQ(text_of(co_await source.read_until("aab", 4)), "|");
    });
}

TEST(BufferedFlow, PeeksWithoutTaking) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> pieces{"ab", "cd", "ef"};
        buffered_flow source(make_source(std::move(pieces)));
        EXPECT_EQ(text_of(co_await source.peek(1)), "a");
        EXPECT_EQ(text_of(co_await source.peek(5)), "abcde");
        EXPECT_EQ(text_of(co_await source.peek(5)), "abcde");
        EXPECT_EQ(text_of(co_await source.peek(7)), truncated);
        EXPECT_EQ(text_of(co_await source.read_exactly(6)), "abcdef");
        EXPECT_EQ(text_of(co_await source.peek(1)), end);
        EXPECT_EQ(text_of(co_await source.peek(0)), "");
    });
}

TEST(BufferedFlow, PutsBytesBackAndSkipsThem) {
    run_virtual([]() -> task<void> {
        buffered_flow source(make_source("world"));
        source.unread(buffer::of_static("hello "));
        EXPECT_EQ(text_of(co_await source.read(3)), "hel");
        std::uint64_t left = 5;
        const result<void> skipped = co_await source.skip(left);
        EXPECT_TRUE(skipped);
        EXPECT_EQ(text_of(co_await source.read()), "rld");
        left = 2;
        const result<void> none = co_await source.skip(left);
        EXPECT_EQ(outcome_of(none), end);
        EXPECT_EQ(left, 2U);
    });
}

TEST(BufferedFlow, ReadsAndWritesNumbers) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow near(std::move(pipe.first));
        buffered_flow far(std::move(pipe.second));
        (void)co_await near.write_be(std::uint16_t{0x0102});
        (void)co_await near.write_le(std::uint32_t{0x03040506});
        (void)co_await near.write_be(std::uint64_t{0x0708090a0b0c0d0e});
        (void)co_await near.flush();
        EXPECT_EQ(text_of(co_await far.peek(6)), "\x01\x02\x06\x05\x04\x03");
        EXPECT_EQ(co_await far.read_be<std::uint16_t>(), 0x0102U);
        EXPECT_EQ(co_await far.read_le<std::uint32_t>(), 0x03040506U);
        EXPECT_EQ(co_await far.read_be<std::uint64_t>(), 0x0708090a0b0c0d0eU);
    });
}

TEST(BufferedFlow, GivesUnitsByReferenceWhereTheyLieInOnePiece) {
    run_virtual([]() -> task<void> {
        buffer piece = buffer::copy_of("first line\nsecond line\nrest");
        const std::byte* place = piece.data();
        buffered_flow source(make_source(std::move(piece)));
        const result<buffer> first = co_await source.read_line(100);
        const result<buffer> seen = co_await source.peek(6);
        const result<buffer> second = co_await source.read_line(100);
        const result<buffer> rest = co_await source.read_exactly(4);
        EXPECT_EQ(first->data(), place);
        EXPECT_EQ(seen->data(), place + 11);
        EXPECT_EQ(second->data(), place + 11);
        EXPECT_EQ(rest->data(), place + 23);
    });
}

TEST(BufferedFlow, LosesNothingWhenAReadIsCancelledOrTheFlowFails) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow source(std::move(pipe.first));
        (void)co_await pipe.second->write(buffer::of_static("half a li"));
        const result<buffer> early = co_await with_timeout(1s, source.read_line(100));
        EXPECT_EQ(early.error(), errc::timed_out);
        EXPECT_EQ(source.buffered(), 9U);
        (void)co_await pipe.second->write(buffer::of_static("ne\nand"));
        EXPECT_EQ(text_of(co_await source.read_line(100)), "half a line");
        pipe.second->abort();
        EXPECT_EQ(text_of(co_await source.read_line(100)), "<connection reset by the peer>");
        EXPECT_EQ(text_of(co_await source.read()), "and");
        EXPECT_EQ(text_of(co_await source.read()), "<connection reset by the peer>");
    });
}

TEST(BufferedFlow, RefusesASecondReaderWhileOneWaits) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow source(std::move(pipe.first));
        auto done = co_await when_all(
            [](buffered_flow& from) -> task<std::string> {
                co_return text_of(co_await from.read_line(10));
            }(source),
            [](buffered_flow& from, flow& peer) -> task<std::string> {
                const result<buffer> second = co_await from.read();
                (void)co_await peer.write(buffer::of_static("x\n"));
                co_return text_of(second);
            }(source, *pipe.second));
        EXPECT_EQ(std::get<0>(done), "x");
        EXPECT_EQ(std::get<1>(done), "<" + std::string(describe(errc::busy)) + ">");
    });
}

TEST(BufferedFlow, SendsSmallWritesTogetherAndLargeOnesByReference) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        for (int i = 0; i < 100; ++i) {
            (void)co_await channel.write("0123456789");
        }
        buffer large = buffer::copy_of(pattern(5000));
        const std::byte* place = large.data();
        (void)co_await channel.write(std::move(large));
        (void)co_await channel.write("tail");
        EXPECT_EQ(channel.unflushed(), 6004U);
        const result<void> flushed = co_await channel.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(channel.unflushed(), 0U);
        const result<buffer> small = co_await pipe.second->read();
        EXPECT_EQ(small->size(), 1000U);
        const result<buffer> middle = co_await pipe.second->read();
        EXPECT_EQ(middle->data(), place);
        EXPECT_EQ(text_of(co_await pipe.second->read()), "tail");
    });
}

TEST(BufferedFlow, HoldsAWriterUpAboveTheLimit) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe({.capacity = 100});
        buffered_flow channel(std::move(pipe.first), {.write_limit = 1000});
        std::size_t written = 0;
        while (written < 10'000) {
            const result<void> stored =
                co_await with_timeout(1s, channel.write(std::string_view("0123456789")));
            written += 10;
            if (!stored) {
                EXPECT_EQ(stored.error(), errc::timed_out);
                break;
            }
        }
        EXPECT_EQ(written, 1010U);
        EXPECT_EQ(channel.unflushed(), 910U);
    });
}

TEST(BufferedFlow, KeepsWhatAFailedFlushDidNotWrite) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe({.capacity = 4});
        buffered_flow channel(std::move(pipe.first), {.by_reference = 3});
        (void)co_await channel.write("ab");
        (void)co_await channel.write(buffer::of_static("cdef"));
        (void)co_await channel.write("gh");
        const result<void> stopped = co_await with_timeout(1s, channel.flush());
        EXPECT_EQ(stopped.error(), errc::timed_out);
        EXPECT_EQ(channel.unflushed(), 4U);
        (void)co_await channel.write("i");
        auto done = co_await when_all(channel.shutdown_write(), read_to_end(*pipe.second));
        EXPECT_TRUE(std::get<0>(done));
        EXPECT_EQ(std::get<1>(done), "abcdefghi" + end);
    });
}

TEST(BufferedFlow, FlushesBeforeItCloses) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        (void)co_await channel.write("last words");
        (void)co_await pipe.second->shutdown(direction::write);
        const result<void> closed = co_await channel.close();
        EXPECT_TRUE(closed);
        EXPECT_EQ(co_await read_to_end(*pipe.second), "last words" + end);
    });
}

TEST(BufferedFlow, AbortsInsteadOfClosingWhenItIsStopped) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe({.capacity = 2});
        buffered_flow channel(std::move(pipe.first));
        (void)co_await channel.write("too long");
        const result<void> closed = co_await with_timeout(1s, channel.close());
        EXPECT_EQ(closed.error(), errc::aborted);
        EXPECT_EQ(co_await read_to_end(*pipe.second), "to<connection reset by the peer>");
    });
}

TEST(BufferedFlow, GivesTheFlowBackWithWhatWasReadInFront) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        (void)co_await pipe.second->write(buffer::of_static("header\nbody"));
        buffered_flow channel(std::move(pipe.first));
        EXPECT_EQ(text_of(co_await channel.read_line(100)), "header");
        const flow_ptr rest = channel.release();
        (void)co_await pipe.second->write(buffer::of_static(" goes on"));
        (void)co_await pipe.second->shutdown(direction::write);
        EXPECT_EQ(co_await read_to_end(*rest), "body goes on" + end);
        (void)co_await rest->write(buffer::of_static("answer"));
        EXPECT_EQ(text_of(co_await pipe.second->read()), "answer");
    });
}

TEST(BufferedFlow, AllocatesNothingPerLine) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow near(std::move(pipe.first));
        buffered_flow far(std::move(pipe.second));
        std::uint64_t steady = 0;
        for (int i = 0; i < 2000; ++i) {
            if (i == 1000) {
                steady = allocation_count();
            }
            (void)co_await near.write("a line of text\r\n");
            (void)co_await near.write("another one\n");
            (void)co_await near.flush();
            (void)co_await far.read_line(100);
            (void)co_await far.read_exactly(7);
            (void)co_await far.read_until("\n", 100);
        }
        steady = allocation_count() - steady;
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
