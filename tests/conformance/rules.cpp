// SPDX-License-Identifier: Apache-2.0
//
// The rules around the operations: one reader and one writer at a time, each side independent;
// backpressure; stops and deadlines.

#include "stage.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <array>
#include <chrono>
#include <tuple>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

const pattern from_a(1);
const pattern from_b(2);

class Rules : public contract {};
RUNNEL_CONFORMANCE(Rules);

TEST_P(Rules, ASecondReadIsBusyAndDisturbsNothing) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.b->read());
        co_await s.settle();
        expect_error(co_await s.b->read(), errc::busy);
        std::array<std::byte, 8> memory{};
        expect_error(co_await s.b->read_into(memory), errc::busy);
        EXPECT_FALSE(reading.done());
        auto writing = s.start(s.a->write(text("for the first")));
        auto& got = co_await reading.ended();
        if (got) {
            EXPECT_EQ(got->view(), "for the first");
        } else {
            ADD_FAILURE() << got.error().message();
        }
        expect_success(co_await writing.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, ASecondWriteIsBusyAndDisturbsNothing) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        co_await expect_write_end(*s.a, errc::busy);
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await writing.ended());
        auto next = s.start(s.a->write(from_a.cut(size, 10)));
        EXPECT_EQ(co_await drain_some(*s.b, from_a, size, 10), (received{.bytes = 10}));
        expect_success(co_await next.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, AWriterWaitsAfterABoundedNumberOfBytesAndGoesOn) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 1'000'000;
        auto writing = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        writing.cancel();
        const auto first = co_await writing.ended();
        expect_error(first, errc::cancelled);
        EXPECT_LE(first.accepted(), s.can.buffering);
        auto rest = s.start(s.a->writev(from_a.lend(first.accepted(), size - first.accepted())));
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await rest.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, ADirectionThatIsStuckDoesNotHoldUpTheOther) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto stuck = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        auto writing = s.start(fill(*s.b, from_b, 500'000));
        EXPECT_EQ(co_await drain_some(*s.a, from_b, 0, 500'000), (received{.bytes = 500'000}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 500'000}));
        co_await s.settle();
        EXPECT_FALSE(stuck.done());
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await stuck.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, AReadThatWaitsDoesNotHoldUpAWriteOfTheSameFlow) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.a->read());
        co_await s.settle();
        auto writing = s.start(s.a->write(text("question")));
        co_await expect_read(*s.b, "question");
        expect_success(co_await writing.ended());
        EXPECT_FALSE(reading.done());
        auto answering = s.start(s.b->write(text("answer")));
        auto& got = co_await reading.ended();
        EXPECT_TRUE(got && got->view() == "answer");
        expect_success(co_await answering.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, ATaskThatWasStoppedIsRefusedAndTheFlowGoesOn) {
    run([](stage& s) -> task<void> {
        stop_source stopped;
        stopped.request_stop();
        expect_error(co_await stopped_by(stopped, s.a->read()), errc::cancelled);
        std::array<std::byte, 8> memory{};
        expect_error(co_await stopped_by(stopped, s.a->read_into(memory)), errc::cancelled);
        const auto refused = co_await stopped_by(stopped, s.a->write(text("refused")));
        expect_error(refused, errc::cancelled);
        EXPECT_EQ(refused.accepted(), 0U);
        const auto nodelay = co_await stopped_by(stopped, s.a->write_nodelay(text("refused")));
        expect_error(nodelay, errc::cancelled);
        expect_error(co_await stopped_by(stopped, s.a->flush()), errc::cancelled);
        expect_error(co_await stopped_by(stopped, s.a->shutdown(direction::both)), errc::cancelled);
        auto there = s.start(s.a->write(text("taken")));
        co_await expect_read(*s.b, "taken");
        expect_success(co_await there.ended());
        auto back = s.start(s.b->write(text("too")));
        co_await expect_read(*s.a, "too");
        expect_success(co_await back.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, AReadEndsAtItsDeadlineAndTheFlowGoesOn) {
    run([](stage& s) -> task<void> {
        expect_error(co_await with_timeout(1ms, s.a->read()), errc::timed_out);
        std::array<std::byte, 8> memory{};
        expect_error(co_await with_timeout(1ms, s.a->read_into(memory)), errc::timed_out);
        expect_error(co_await with_timeout(0ms, s.a->read()), errc::timed_out);
        auto writing = s.start(s.b->write(text("late")));
        co_await expect_read(*s.a, "late");
        expect_success(co_await writing.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, AWriteEndsAtItsDeadlineAndTheFlowGoesOn) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 1'000'000;
        const auto first = co_await with_timeout(20ms, s.a->writev(from_a.lend(0, size)));
        expect_error(first, errc::timed_out);
        auto rest = s.start(s.a->writev(from_a.lend(first.accepted(), size - first.accepted())));
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await rest.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, AWaitingFlushEndsWhenItIsCancelled) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        auto flushing = s.start(s.a->flush());
        co_await s.settle();
        EXPECT_FALSE(flushing.done());
        flushing.cancel();
        expect_error(co_await flushing.ended(), errc::cancelled);
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await writing.ended());
        expect_success(co_await s.a->flush());
        co_await s.close_both();
    });
}

// A shutdown that is cancelled before its turn has not happened: writing goes on, and done again it
// happens.
TEST_P(Rules, AWaitingShutdownEndsWhenItIsCancelledAndMayBeRepeated) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        auto ending = s.start(s.a->shutdown(direction::write));
        co_await s.settle();
        EXPECT_FALSE(ending.done());
        ending.cancel();
        expect_error(co_await ending.ended(), errc::cancelled);
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await writing.ended());
        auto more = s.start(s.a->write(from_a.cut(size, 10)));
        EXPECT_EQ(co_await drain_some(*s.b, from_a, size, 10), (received{.bytes = 10}));
        expect_success(co_await more.ended());
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_read_end(*s.b, errc::end);
        co_await s.close_both();
    });
}

TEST_P(Rules, AShutdownRepeatedWhileTheFirstWaitsEndsWithIt) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->writev(from_a.lend(0, size)));
        co_await s.settle();
        auto first = s.start(s.a->shutdown(direction::write));
        auto second = s.start(s.a->shutdown(direction::write));
        co_await s.settle();
        EXPECT_FALSE(second.done());
        first.cancel();
        expect_error(co_await first.ended(), errc::cancelled);
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = size, .end = errc::end}));
        expect_success(co_await writing.ended());
        expect_success(co_await second.ended());
        co_await s.close_both();
    });
}

TEST_P(Rules, StoppingAGroupOfTasksEndsAllTheirOperations) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        const auto all = co_await with_timeout(
            20ms, when_all(s.a->read(1000), s.b->writev(from_b.lend(0, size)), s.b->flush()));
        // The read may have got the first bytes; the write waits for a reader.
        const auto& wrote = std::get<1>(all);
        expect_error(wrote, errc::timed_out);
        const auto& read = std::get<0>(all);
        const std::size_t got = read ? read->size() : 0;
        EXPECT_TRUE(!read || from_b.matches(0, read->span()));
        expect_error(std::get<2>(all), errc::timed_out);
        auto rest = s.start(s.b->writev(from_b.lend(wrote.accepted(), size - wrote.accepted())));
        EXPECT_EQ(co_await drain_some(*s.a, from_b, got, size - got),
                  (received{.bytes = size - got}));
        expect_success(co_await rest.ended());
        co_await s.close_both();
    });
}

} // namespace
} // namespace runnel::conformance
