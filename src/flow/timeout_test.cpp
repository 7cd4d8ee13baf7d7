// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/timeout.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

const std::string late = "<" + std::string(describe(errc::timed_out)) + ">";
const std::string reset = "<connection reset by the peer>";

TEST(Timeout, EndsBothDirectionsWhenNothingMovedForTheIdleTime) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe({.capacity = 1});
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.idle = 10s});
        auto done = co_await when_all(read_to_end(*timed), timed->write(buffer::of_static("ab")),
                                      [](flow& peer) -> task<std::string> {
                                          (void)co_await sleep_for(7s);
                                          (void)co_await peer.write(buffer::of_static("x"));
                                          (void)co_await sleep_for(20s);
                                          co_return co_await read_to_end(peer);
                                      }(*pipe.second));
        EXPECT_EQ(std::get<0>(done), "x" + late);
        EXPECT_EQ(outcome_of(std::get<1>(done)), late);
        EXPECT_EQ(std::get<2>(done), "a" + reset);
        EXPECT_EQ(co_await read_to_end(*timed), late);
        const write_result again = co_await timed->write(buffer::of_static("c"));
        EXPECT_EQ(outcome_of(again), late);
    });
}

TEST(Timeout, ExpiresAtTheVeryMoment) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.idle = 10s});
        (void)co_await sleep_for(3s);
        (void)co_await timed->write(buffer::of_static("x"));
        EXPECT_EQ(co_await read_to_end(*timed), late);
        EXPECT_EQ(virtual_time(), 13s);
    });
}

TEST(Timeout, WatchesAFlowThatNobodyUses) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.idle = 10s});
        EXPECT_EQ(co_await read_to_end(*pipe.second), reset);
        EXPECT_EQ(virtual_time(), 10s);
        EXPECT_EQ(co_await read_to_end(*timed), late);
    });
}

TEST(Timeout, LimitsAReadThatGetsNothing) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.read = 5s});
        (void)co_await sleep_for(1h);
        (void)co_await pipe.second->write(buffer::of_static("abc"));
        EXPECT_EQ(co_await read_to_end(*timed), "abc" + late);
        EXPECT_EQ(virtual_time(), 1h + 5s);
        EXPECT_EQ(co_await read_to_end(*pipe.second), reset);
    });
}

TEST(Timeout, LimitsAWriteThatDoesNotMoveButNotOneThatMovesSlowly) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe({.capacity = 1});
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.write = 5s});
        constexpr std::size_t piece = 65536;
        auto done = co_await when_all(timed->write(buffer::copy_of(pattern(10 * piece))),
                                      [](flow& peer) -> task<void> {
                                          for (int i = 0; i < 8; ++i) {
                                              (void)co_await sleep_for(4s);
                                              for (std::size_t sum = 0; sum < piece;) {
                                                  auto data = co_await peer.read(piece - sum);
                                                  sum += data->size();
                                              }
                                          }
                                      }(*pipe.second));
        const write_result& written = std::get<0>(done);
        EXPECT_EQ(outcome_of(written), late);
        EXPECT_GE(written.accepted(), 8 * piece);
        EXPECT_EQ(virtual_time(), 37s);
    });
}

TEST(Timeout, LeavesOperationsThatTheirOwnDeadlineStopsToGoOn) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.idle = 10s, .read = 5s});
        const result<buffer> stopped = co_await with_timeout(1s, timed->read());
        EXPECT_EQ(text_of(stopped), late);
        (void)co_await pipe.second->write(buffer::of_static("still there"));
        const result<buffer> data = co_await timed->read();
        EXPECT_EQ(text_of(data), "still there");
    });
}

TEST(Timeout, KeepsUnreadDataReadableAfterAClose) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.idle = 10s, .write = 1s});
        (void)co_await pipe.second->write(buffer::of_static("kept"));
        (void)co_await pipe.second->shutdown(direction::write);
        const result<void> closed = co_await timed->close();
        EXPECT_TRUE(closed);
        (void)co_await sleep_for(1h);
        EXPECT_EQ(co_await read_to_end(*timed), "kept<end of stream>");
    });
}

TEST(Timeout, DoesNotWaitForEverForThePeerToClose) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr timed = make_timeout(std::move(pipe.first), {.write = 2s});
        const result<void> closed = co_await timed->close();
        EXPECT_EQ(closed.error(), errc::aborted);
        EXPECT_EQ(virtual_time(), 2s);
    });
}

} // namespace
} // namespace runnel
