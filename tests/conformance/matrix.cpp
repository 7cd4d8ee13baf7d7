// SPDX-License-Identifier: Apache-2.0
//
// The questions on which the transports of the MirageOS family give different answers, and
// sometimes other ones than their documentation. Here each has one answer, on every transport.

#include "stage.hpp"

namespace runnel::conformance {
namespace {

const pattern from_a(1);
const pattern from_b(2);

class MirageMatrix : public contract {};
RUNNEL_CONFORMANCE(MirageMatrix);

// There, an end, or in one case an end once and then silence.
TEST_P(MirageMatrix, APeersFinIsAnEnd) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(fill_and_finish(*s.b, from_b, 10));
        EXPECT_EQ(co_await drain(*s.a, from_b), (received{.bytes = 10, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 10}));
        co_await s.close_both();
    });
}

// There, the same as an end with the user-space stack, hvsock, and TLS over them.
TEST_P(MirageMatrix, APeersRstIsAResetAndNotAnEnd) {
    if (!can().tells_reset) {
        GTEST_SKIP() << "the transport itself cannot tell";
    }
    run([](stage& s) -> task<void> {
        s.b->abort();
        co_await expect_read_end(*s.a, errc::reset);
        co_await expect_writes_to_fail(*s.a, errc::reset);
    });
}

// There, waits for ever with the user-space stack.
TEST_P(MirageMatrix, AReadAfterTheEndGivesTheEndAgain) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        co_await s.settle();
        co_await expect_read_end(*s.a, errc::end);
        co_await s.close_both();
    });
}

// There, "not ready", an EBADF as text, or closed.
TEST_P(MirageMatrix, AWriteAfterOurCloseGivesClosed) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await s.settle();
        co_await expect_write_end(*s.a, errc::closed);
        expect_success(co_await s.b->close());
        expect_success(co_await closing.ended());
        co_await expect_write_end(*s.a, errc::closed);
    });
}

TEST_P(MirageMatrix, AWriteAfterThePeersHalfCloseArrives) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        auto writing = s.start(fill_and_finish(*s.a, from_a, 5000));
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = 5000, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 5000}));
        co_await s.close_both();
    });
}

// There, a no-op, an exception, or the user's function called again.
TEST_P(MirageMatrix, ASecondCloseIsANoOpThatSucceeds) {
    run([](stage& s) -> task<void> {
        co_await s.close_both();
        expect_success(co_await s.a->close());
        expect_success(co_await s.b->close());
    });
}

// There, for anything between nothing and the peer.
TEST_P(MirageMatrix, ACloseWaitsForThePeersClose) {
    run([](stage& s) -> task<void> {
        auto closing = s.start(s.a->close());
        co_await expect_read_end(*s.b, errc::end);
        co_await s.settle();
        EXPECT_FALSE(closing.done());
        expect_success(co_await s.b->shutdown(direction::write));
        expect_success(co_await closing.ended());
        expect_success(co_await s.b->close());
    });
}

// There, ignored, an exception, or an end after which data comes again.
TEST_P(MirageMatrix, AShutdownOfReadingEndsItForGoodWhileThePeerWrites) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::read));
        co_await expect_read_end(*s.a, errc::end);
        const std::size_t size = s.can.buffering + 100'000;
        EXPECT_EQ(co_await fill(*s.b, from_b, size), (sent{.bytes = size}));
        co_await s.settle();
        co_await expect_read_end(*s.a, errc::end);
        co_await s.close_both();
    });
}

} // namespace
} // namespace runnel::conformance
