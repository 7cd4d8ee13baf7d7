// SPDX-License-Identifier: Apache-2.0
//
// What `close` promises: all that is pending goes out, the peer is told and waited for, what it
// still sends stays readable, and nothing can hold the close up for ever.

#include "stage.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

const pattern from_a(1);
const pattern from_b(2);

class Closing : public contract {};
RUNNEL_CONFORMANCE(Closing);

/// A reader that reads again and again has got everything that a peer sent during a close.
void expect_all(const stage& s, const received& got, std::uint64_t size) {
    if (s.can.reads_at_once) {
        EXPECT_EQ(got, (received{.bytes = size, .end = errc::end}));
    } else {
        EXPECT_TRUE(got.intact);
        EXPECT_EQ(got.end, got.bytes == size ? errc::end : errc::closed);
    }
}

TEST_P(Closing, TellsThePeerAndWaitsForIt) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_read_end(*s.b, errc::end);
    });
}

TEST_P(Closing, LetsThePeerGoOnAndAReaderFollow) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        const std::size_t size = s.can.buffering + 100'000;
        auto reading = s.start(drain(*s.a, from_b));
        co_await s.settle();
        EXPECT_EQ(co_await fill(*s.b, from_b, size, 100'000), (sent{.bytes = size}));
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        expect_all(s, co_await reading.ended(), size);
    });
}

TEST_P(Closing, OfBothSidesAtOnceSucceeds) {
    run([](stage& s) -> task<void> {
        co_await s.close_both();
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_read_end(*s.b, errc::end);
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_write_end(*s.b, errc::closed);
    });
}

TEST_P(Closing, OfBothSidesLosesNothingThatIsUnderWay) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 300'000;
        auto a_reads = s.start(drain(*s.a, from_b));
        auto b_reads = s.start(drain(*s.b, from_a));
        auto a_writes = s.start(fill(*s.a, from_a, size, size));
        auto b_writes = s.start(fill(*s.b, from_b, size, size));
        co_await yield();
        co_await yield(); // the writes have begun
        co_await s.close_both();
        EXPECT_EQ(co_await a_writes.ended(), (sent{.bytes = size}));
        EXPECT_EQ(co_await b_writes.ended(), (sent{.bytes = size}));
        expect_all(s, co_await a_reads.ended(), size);
        expect_all(s, co_await b_reads.ended(), size);
    });
}

TEST_P(Closing, SendsAPendingWriteFirst) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->write(from_a.cut(0, size)));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        auto closing = s.start(s.a->close());
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = size, .end = errc::end}));
        expect_success(co_await writing.ended());
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
    });
}

TEST_P(Closing, ASecondTimeIsANoOpThatSucceeds) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await s.settle();
        expect_success(co_await s.a->close());
        stop_source stopped;
        stopped.request_stop();
        expect_success(co_await stopped_by(stopped, s.a->close()));
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        co_await expect_read_end(*s.b, errc::end);
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        expect_success(co_await s.a->close());
        expect_success(co_await stopped_by(stopped, s.a->close()));
        co_await expect_read_end(*s.a, errc::end);
    });
}

TEST_P(Closing, AfterTheEndsOfBothSucceedsAtOnce) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::write));
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_read_end(*s.b, errc::end);
        expect_success(co_await s.a->close());
        expect_success(co_await s.b->close());
    });
}

TEST_P(Closing, AfterAShutdownOfBothStillWaitsForThePeer) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::both));
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        EXPECT_EQ(co_await fill(*s.b, from_b, 300'000), (sent{.bytes = 300'000}));
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        co_await expect_read_end(*s.a, errc::end);
    });
}

TEST_P(Closing, KeepsUnreadDataReadable) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.keeps;
        EXPECT_EQ(co_await fill(*s.b, from_b, size), (sent{.bytes = size}));
        co_await s.close_both();
        EXPECT_EQ(co_await drain(*s.a, from_b, 0, 100),
                  (received{.bytes = size, .end = errc::end}));
        co_await expect_read_end(*s.a, errc::end);
    });
}

TEST_P(Closing, KeepsWhatArrivesLaterReadable) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.keeps;
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        EXPECT_EQ(co_await fill(*s.b, from_b, size, 100), (sent{.bytes = size}));
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        EXPECT_EQ(co_await drain(*s.a, from_b), (received{.bytes = size, .end = errc::end}));
    });
}

// What nobody reads cannot hold a close up; what a reader then sees is a beginning without a gap.
TEST_P(Closing, DiscardsTheRestOnceFullAndSaysSo) {
    run([](stage& s) -> task<void> {
        const std::size_t size = 2 * s.can.buffering + 1'000'000;
        auto writing = s.start(fill(*s.b, from_b, size, 50'000));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        auto closing = s.start(s.a->close());
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        const auto got = co_await drain(*s.a, from_b);
        EXPECT_TRUE(got.intact);
        EXPECT_EQ(got.end, errc::closed);
        EXPECT_GE(got.bytes, s.can.keeps);
        EXPECT_LT(got.bytes, size);
        co_await expect_read_end(*s.a, errc::closed);
        co_await expect_read_end(*s.b, errc::end);
    });
}

TEST_P(Closing, WithAReaderThatComesLateShowsNoGap) {
    run([](stage& s) -> task<void> {
        const std::size_t size = 2 * s.can.buffering + 1'000'000;
        auto closing = s.start(s.a->close());
        auto writing = s.start(fill_and_finish(*s.b, from_b, size / 2, 50'000));
        co_await s.settle();
        const auto got = co_await drain(*s.a, from_b);
        EXPECT_TRUE(got.intact);
        EXPECT_TRUE(errors(errc::closed | errc::end).has(got.end)) << got;
        if (got.end == errc::end) {
            EXPECT_EQ(got.bytes, size / 2);
        }
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size / 2}));
        expect_success(co_await closing.ended());
        expect_success(co_await s.b->close());
    });
}

// Here each close waits behind a write that only the other side's close can set free.
TEST_P(Closing, OfBothSidesEndsThoughBothWriteAndNobodyReads) {
    run([](stage& s) -> task<void> {
        const std::size_t size = 2 * s.can.buffering + 1'000'000;
        auto a_writes = s.start(s.a->writev(from_a.lend(0, size)));
        auto b_writes = s.start(s.b->writev(from_b.lend(0, size)));
        co_await s.settle();
        EXPECT_FALSE(a_writes.done());
        EXPECT_FALSE(b_writes.done());
        co_await s.close_both();
        expect_success(co_await a_writes.ended());
        expect_success(co_await b_writes.ended());
        const auto got = co_await drain(*s.a, from_b);
        EXPECT_TRUE(got.intact);
        EXPECT_EQ(got.end, errc::closed);
    });
}

TEST_P(Closing, WithAReaderThatKeepsUpLosesNothing) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 300'000;
        auto closing = s.start(s.a->close());
        auto reading = s.start(drain(*s.a, from_b, 0, 1000));
        co_await s.settle();
        auto writing = s.start(fill(*s.b, from_b, size, size));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        expect_all(s, co_await reading.ended(), size);
    });
}

TEST_P(Closing, SetsAPeerFreeThatWaitsToWrite) {
    run([](stage& s) -> task<void> {
        const std::size_t size = 2 * s.can.buffering + 1'000'000;
        auto writing = s.start(s.b->write(from_b.cut(0, size)));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        co_await s.close_both(); // the peer's close waits for its write
        expect_success(co_await writing.ended());
        EXPECT_EQ(writing.value().accepted(), size);
    });
}

TEST_P(Closing, OperationsAfterwardsGiveClosed) {
    run([](stage& s) -> task<void> {
        co_await s.close_both();
        co_await expect_write_end(*s.a, errc::closed);
        expect_success(co_await s.a->shutdown(direction::both));
        expect_success(co_await s.a->flush());
        s.a->abort();
        expect_success(co_await s.a->close());
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_read_end(*s.b, errc::end);
    });
}

TEST_P(Closing, AtADeadlineBecomesAnAbortAndSaysSo) {
    run([](stage& s) -> task<void> {
        const auto closed = co_await with_timeout(1ms, s.a->close());
        expect_error(closed, errc::aborted);
        EXPECT_NE(closed.error().message().find("deadline"), std::string::npos)
            << closed.error().message();
        co_await expect_read_end(*s.a, errc::aborted);
        co_await expect_write_end(*s.a, errc::aborted | errc::closed);
        expect_success(co_await s.a->close());
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Closing, CancelledBecomesAnAbortAndSaysSo) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.a->read());
        auto closing = s.start(s.a->close());
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        closing.cancel();
        expect_error(co_await closing.ended(), errc::aborted);
        expect_error(co_await reading.ended(), errc::aborted);
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

// The peer has not been told of an end, and must not see one.
TEST_P(Closing, CancelledBehindAWriteIsAnAbortForThePeer) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 1'000'000;
        auto writing = s.start(s.a->write(from_a.cut(0, size)));
        co_await s.settle();
        auto closing = s.start(s.a->close());
        co_await s.settle();
        closing.cancel();
        expect_error(co_await closing.ended(), errc::aborted);
        expect_error(co_await writing.ended(), errc::aborted);
        EXPECT_LT(writing.value().accepted(), size);
        const auto got = co_await drain(*s.b, from_a);
        EXPECT_TRUE(got.intact);
        EXPECT_LT(got.bytes, size);
        EXPECT_TRUE(got.end == errc::reset || !s.can.tells_reset) << got;
    });
}

TEST_P(Closing, InATaskThatWasStoppedBeforeIsAnAbort) {
    run([](stage& s) -> task<void> {
        stop_source stopped;
        stopped.request_stop();
        expect_error(co_await stopped_by(stopped, s.a->close()), errc::aborted);
        co_await expect_read_end(*s.a, errc::aborted);
        co_await expect_write_end(*s.a, errc::aborted);
        const auto got = co_await drain(*s.b, from_a);
        EXPECT_TRUE(got.end == errc::reset || !s.can.tells_reset) << got;
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Closing, FailsWithResetWhenThePeerAborts) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        s.b->abort();
        const auto closed = co_await closing.ended();
        if (s.can.tells_reset) {
            expect_error(closed, errc::reset);
        }
    });
}

TEST_P(Closing, AfterThePeerAbortedFails) {
    run([](stage& s) -> task<void> {
        s.b->abort();
        co_await s.settle();
        const auto closed = co_await s.a->close();
        if (s.can.tells_reset) {
            expect_error(closed, errc::reset);
        }
        co_await expect_write_end(*s.a, errc::closed | errc::reset);
    });
}

TEST_P(Closing, ByDroppingWhileAnotherTaskClosesAbortsThatOne) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await s.settle();
        s.a.reset();
        expect_error(co_await closing.ended(), errc::aborted);
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Closing, LeavesTheAddressesKnown) {
    run([](stage& s) -> task<void> {
        const flow_address a_local = s.a->local();
        const flow_address a_remote = s.a->remote();
        const flow_address b_local = s.b->local();
        co_await s.close_both();
        EXPECT_EQ(s.a->local(), a_local) << s.a->local().to_string();
        EXPECT_EQ(s.a->remote(), a_remote) << s.a->remote().to_string();
        EXPECT_EQ(s.b->local(), b_local) << s.b->local().to_string();
        EXPECT_FALSE(a_local.to_string().empty());
    });
}

TEST_P(Closing, ByAnAbortLeavesTheAddressesKnown) {
    run([](stage& s) -> task<void> {
        const flow_address a_local = s.a->local();
        const flow_address b_remote = s.b->remote();
        s.a->abort();
        co_await s.settle();
        EXPECT_EQ(s.a->local(), a_local) << s.a->local().to_string();
        EXPECT_EQ(s.b->remote(), b_remote) << s.b->remote().to_string();
        s.b->abort();
        EXPECT_EQ(s.b->remote(), b_remote) << s.b->remote().to_string();
    });
}

} // namespace
} // namespace runnel::conformance
