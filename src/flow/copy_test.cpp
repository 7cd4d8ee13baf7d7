// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/copy.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

/// A copy between two pipes: what is written to `in` comes out of `out`.
struct line {
    explicit line(pipe_options front = {}, pipe_options back = {}) {
        auto first = make_pipe(front);
        auto second = make_pipe(back);
        in = std::move(first.first);
        source = std::move(first.second);
        sink = std::move(second.first);
        out = std::move(second.second);
    }
    flow_ptr in;
    flow_ptr source;
    flow_ptr sink;
    flow_ptr out;
};

task<void> write_all(flow& target, std::string text) {
    const write_result written = co_await target.write(buffer::copy_of(text));
    EXPECT_TRUE(written);
    const result<void> told = co_await target.shutdown(direction::write);
    EXPECT_TRUE(told);
}

TEST(Copy, MovesEverythingUpToTheEndAndShutsNothingDown) {
    run_virtual([]() -> task<void> {
        line pipes;
        const std::string text = pattern(1'000'000);
        auto done = co_await when_all(write_all(*pipes.in, text), copy(*pipes.source, *pipes.sink),
                                      [](flow& out) -> task<std::string> {
                                          std::string all;
                                          while (all.size() < 1'000'000) {
                                              result<buffer> data = co_await out.read();
                                              all += data->view();
                                          }
                                          co_return all;
                                      }(*pipes.out));
        const copy_result& copied = std::get<1>(done);
        EXPECT_TRUE(copied.complete());
        EXPECT_EQ(copied.source, errc::end);
        EXPECT_EQ(copied.statistics.bytes_read, text.size());
        EXPECT_EQ(copied.statistics.bytes_written, text.size());
        EXPECT_TRUE(copied.rest.empty());
        EXPECT_TRUE(std::get<2>(done) == text);
        const write_result more = co_await pipes.sink->write(buffer::of_static("more"));
        EXPECT_TRUE(more);
    });
}

TEST(Copy, HandsTheVeryBufferOver) {
    run_virtual([]() -> task<void> {
        line pipes;
        buffer data = buffer::copy_of(pattern(5000));
        const std::byte* place = data.data();
        (void)co_await pipes.in->write(std::move(data));
        (void)co_await pipes.in->shutdown(direction::write);
        (void)co_await copy(*pipes.source, *pipes.sink);
        const result<buffer> arrived = co_await pipes.out->read();
        EXPECT_EQ(arrived->data(), place);
        EXPECT_EQ(arrived->size(), 5000U);
    });
}

TEST(Copy, CountsAndTimesWhatItMoved) {
    run_virtual([]() -> task<void> {
        line pipes;
        copy_statistics live;
        copy_options options;
        options.live = &live;
        auto done = co_await when_all(
            [](flow& in, const copy_statistics& watched) -> task<void> {
                (void)co_await sleep_for(2s);
                (void)co_await in.write(buffer::of_static("abc"));
                (void)co_await sleep_for(3s);
                EXPECT_EQ(watched.bytes_written, 3U);
                EXPECT_EQ(watched.elapsed(), 2s);
                (void)co_await in.write(buffer::of_static("defgh"));
                (void)co_await sleep_for(5s);
                (void)co_await in.shutdown(direction::write);
            }(*pipes.in, live),
            copy(*pipes.source, *pipes.sink, options));
        const copy_statistics& seen = std::get<1>(done).statistics;
        EXPECT_EQ(seen.bytes_read, 8U);
        EXPECT_EQ(seen.bytes_written, 8U);
        EXPECT_EQ(seen.reads, 2U);
        EXPECT_EQ(seen.writes, 2U);
        EXPECT_EQ(seen.first_byte, seen.started + 2s);
        EXPECT_EQ(seen.last_byte, seen.started + 5s);
        EXPECT_EQ(seen.elapsed(), 10s);
        EXPECT_DOUBLE_EQ(seen.bytes_per_second(), 0.8);
    });
}

TEST(Copy, HasARateAlsoWhenNoTimePassed) {
    run_virtual([]() -> task<void> {
        line pipes;
        co_await write_all(*pipes.in, "at once");
        const copy_result copied = co_await copy(*pipes.source, *pipes.sink);
        EXPECT_EQ(copied.statistics.elapsed(), 0s);
        EXPECT_EQ(copied.statistics.bytes_per_second(), 0);
    });
}

TEST(Copy, WritesWhatWasReadBeforeTheSourceFailed) {
    run_virtual([]() -> task<void> {
        line pipes;
        (void)co_await pipes.in->write(buffer::of_static("before"));
        pipes.in->abort();
        const copy_result copied = co_await copy(*pipes.source, *pipes.sink);
        EXPECT_EQ(copied.source, errc::reset);
        EXPECT_FALSE(copied.sink);
        EXPECT_FALSE(copied.complete());
        EXPECT_EQ(copied.statistics.bytes_written, 6U);
        const result<buffer> arrived = co_await pipes.out->read();
        EXPECT_EQ(text_of(arrived), "before");
    });
}

TEST(Copy, EndsWhenTheSinkFailsWhileItWaitsForTheSource) {
    run_virtual([]() -> task<void> {
        line pipes({}, {.capacity = 4});
        (void)co_await pipes.in->write(buffer::of_static("too long"));
        auto done =
            co_await when_all(copy(*pipes.source, *pipes.sink), [](flow& out) -> task<void> {
                (void)co_await sleep_for(1s);
                out.abort();
            }(*pipes.out));
        copy_result& copied = std::get<0>(done);
        EXPECT_EQ(copied.sink, errc::reset);
        EXPECT_FALSE(copied.source);
        EXPECT_FALSE(copied.stopped);
        EXPECT_EQ(copied.statistics.bytes_read, 8U);
        EXPECT_EQ(copied.statistics.bytes_written, 4U);
        EXPECT_EQ(copied.statistics.elapsed(), 1s);
        EXPECT_EQ(copied.rest.bytes(), 4U);
        EXPECT_EQ(copied.rest.front().view(), "long");
    });
}

TEST(Copy, GivesBackWhatItCouldNotWriteWhenItIsStopped) {
    run_virtual([]() -> task<void> {
        line pipes({.capacity = 100}, {.capacity = 10});
        (void)co_await pipes.in->write(buffer::of_static("0123456789abcdef"));
        (void)co_await pipes.in->write(buffer::of_static("ghi"));
        copy_result copied = co_await with_timeout(1s, copy(*pipes.source, *pipes.sink));
        EXPECT_EQ(copied.stopped, errc::timed_out);
        EXPECT_FALSE(copied.source);
        EXPECT_FALSE(copied.sink);
        std::string rest;
        while (!copied.rest.empty()) {
            rest += copied.rest.pop_front().view();
        }
        EXPECT_EQ(rest, "abcdefghi");
        const result<buffer> passed = co_await pipes.out->read();
        EXPECT_EQ(text_of(passed), "0123456789");
    });
}

TEST(Copy, ReadsAheadWhileAWriteWaitsButNotFurtherThanAllowed) {
    run_virtual([]() -> task<void> {
        line pipes({.capacity = 1000}, {.capacity = 1});
        for (int i = 0; i < 10; ++i) {
            (void)co_await pipes.in->write(buffer::copy_of(pattern(100)));
        }
        copy_options options;
        options.read_hint = 100;
        options.read_ahead = 250;
        const copy_result copied =
            co_await with_timeout(1s, copy(*pipes.source, *pipes.sink, options));
        // One in the write that waits, and the third read ahead begins below the mark.
        EXPECT_EQ(copied.statistics.bytes_read, 400U);
    });
}

TEST(Copy, ReadsNothingAheadIfSoAsked) {
    run_virtual([]() -> task<void> {
        line pipes({.capacity = 1000}, {.capacity = 1});
        (void)co_await pipes.in->write(buffer::copy_of(pattern(1000)));
        copy_options options;
        options.read_hint = 100;
        options.read_ahead = 0;
        const copy_result copied =
            co_await with_timeout(1s, copy(*pipes.source, *pipes.sink, options));
        EXPECT_EQ(copied.statistics.bytes_read, 100U);
    });
}

TEST(Copy, EndsAtTheLimitAndLeavesTheRestInTheSource) {
    run_virtual([]() -> task<void> {
        line pipes;
        (void)co_await pipes.in->write(buffer::of_static("0123456789"));
        copy_options options;
        options.limit = 4;
        const copy_result copied = co_await copy(*pipes.source, *pipes.sink, options);
        EXPECT_TRUE(copied.complete());
        EXPECT_FALSE(copied.source);
        EXPECT_EQ(copied.statistics.bytes_written, 4U);
        const result<buffer> left = co_await pipes.source->read();
        EXPECT_EQ(text_of(left), "456789");
    });
}

TEST(Copy, AllocatesNothingPerPiece) {
    run_virtual([]() -> task<void> {
        line pipes({.capacity = 4096}, {.capacity = 4096});
        std::uint64_t steady = 0;
        (void)co_await when_all(
            [](flow& in, std::uint64_t& allocated) -> task<void> {
                for (int i = 0; i < 2000; ++i) {
                    if (i == 1000) {
                        allocated = allocation_count();
                    }
                    (void)co_await in.write(buffer::allocate(1500));
                }
                allocated = allocation_count() - allocated;
                (void)co_await in.shutdown(direction::write);
            }(*pipes.in, steady),
            copy(*pipes.source, *pipes.sink),
            [](flow& out) -> task<void> {
                for (std::size_t sum = 0; sum < std::size_t{2000} * 1500;) {
                    const result<buffer> data = co_await out.read();
                    sum += data->size();
                }
            }(*pipes.out));
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
