// SPDX-License-Identifier: Apache-2.0
//
// How a direction ends by `shutdown`, here and at the peer.

#include "stage.hpp"

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

class Endings : public contract {};
RUNNEL_CONFORMANCE(Endings);

TEST_P(Endings, TheEndComesAfterAllDataAndIsRepeated) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(fill_and_finish(*s.a, from_a, 10'000));
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = 10'000, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 10'000}));
        co_await expect_read_end(*s.b, errc::end);
        co_await s.close_both();
        co_await expect_read_end(*s.b, errc::end);
    });
}

TEST_P(Endings, AnEndWithoutDataIsSeenByAReadThatWaits) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.b->read());
        co_await s.settle();
        EXPECT_FALSE(reading.done());
        expect_success(co_await s.a->shutdown(direction::write));
        expect_error(co_await reading.ended(), errc::end);
        co_await expect_read_end(*s.b, errc::end);
        co_await s.close_both();
    });
}

TEST_P(Endings, WritesAfterOurOwnShutdownGiveClosed) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_read_end(*s.b, errc::end);
        co_await expect_write_end(*s.a, errc::closed);
        co_await s.close_both();
        co_await expect_write_end(*s.a, errc::closed);
    });
}

TEST_P(Endings, ReadingGoesOnAfterOurOwnShutdown) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_read_end(*s.b, errc::end);
        auto writing = s.start(fill_and_finish(*s.b, from_b, 300'000));
        EXPECT_EQ(co_await drain(*s.a, from_b), (received{.bytes = 300'000, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 300'000}));
        co_await s.close_both();
    });
}

TEST_P(Endings, AHalfOpenFlowGoesOnForMinutes) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_read_end(*s.b, errc::end);
        constexpr std::uint64_t size = 100;
        for (std::uint64_t minute = 0; minute < 30; ++minute) {
            if (loop::current().is_virtual()) {
                expect_success(co_await sleep_for(1min));
            }
            auto writing = s.start(s.b->write(from_b.cut(minute * size, size)));
            const auto got = co_await drain_some(*s.a, from_b, minute * size, size);
            EXPECT_EQ(got, (received{.bytes = size})) << "in minute " << minute;
            expect_success(co_await writing.ended());
        }
        co_await s.close_both();
    });
}

TEST_P(Endings, TheResponseFollowsTheEndOfTheRequest) {
    run([](stage& s) -> task<void> {
        auto serving = s.start([](flow& b) -> task<sent> {
            const auto request = co_await drain(b, from_a);
            EXPECT_EQ(request, (received{.bytes = 5000, .end = errc::end}));
            co_return co_await fill_and_finish(b, from_b, 70'000);
        }(*s.b));
        EXPECT_EQ(co_await fill_and_finish(*s.a, from_a, 5000), (sent{.bytes = 5000}));
        EXPECT_EQ(co_await drain(*s.a, from_b), (received{.bytes = 70'000, .end = errc::end}));
        EXPECT_EQ(co_await serving.ended(), (sent{.bytes = 70'000}));
        co_await s.close_both();
    });
}

TEST_P(Endings, ShutdownSendsWhatIsPendingFirst) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(s.a->write(from_a.cut(0, size)));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        auto ending = s.start(s.a->shutdown(direction::write));
        co_await s.settle();
        EXPECT_FALSE(ending.done());
        co_await expect_write_end(*s.a, errc::busy | errc::closed);
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = size, .end = errc::end}));
        expect_success(co_await writing.ended());
        expect_success(co_await ending.ended());
        co_await expect_write_end(*s.a, errc::closed);
        co_await s.close_both();
    });
}

TEST_P(Endings, AShutdownOfReadingEndsItAtOnce) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.a->read());
        co_await s.settle();
        expect_success(co_await s.a->shutdown(direction::read));
        expect_error(co_await reading.ended(), errc::end);
        co_await expect_read_end(*s.a, errc::end);
        auto writing = s.start(s.a->write(text("still writing")));
        co_await expect_read(*s.b, "still writing");
        expect_success(co_await writing.ended());
        co_await s.close_both();
        co_await expect_read_end(*s.a, errc::end);
    });
}

TEST_P(Endings, AShutdownOfReadingEndsAReadIntoMemoryThatIsThenLeftAlone) {
    run([](stage& s) -> task<void> {
        std::array<std::byte, 100> memory{};
        auto reading = s.start(s.a->read_into(memory));
        co_await s.settle();
        expect_success(co_await s.a->shutdown(direction::read));
        expect_error(co_await reading.ended(), errc::end);
        memory.fill(std::byte{0x5a});
        auto writing = s.start(s.b->write(from_b.cut(0, 1000)));
        expect_success(co_await writing.ended());
        co_await s.settle();
        for (const std::byte value : memory) {
            EXPECT_EQ(value, std::byte{0x5a});
        }
        co_await s.close_both();
    });
}

TEST_P(Endings, AShutdownOfReadingDiscardsWhatArrivedBefore) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(s.b->write(from_b.cut(0, 3000)));
        co_await s.settle();
        expect_success(co_await s.a->shutdown(direction::read));
        expect_success(co_await writing.ended());
        co_await expect_read_end(*s.a, errc::end);
        co_await s.close_both();
    });
}

TEST_P(Endings, APeerIsNotBlockedByAShutdownOfReading) {
    run([](stage& s) -> task<void> {
        const std::size_t size = 2 * s.can.buffering + 100'000;
        auto writing = s.start(fill(*s.b, from_b, size));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        expect_success(co_await s.a->shutdown(direction::read));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        EXPECT_EQ(co_await fill_and_finish(*s.b, from_b, size), (sent{.bytes = size}));
        co_await expect_read_end(*s.a, errc::end);
        co_await s.close_both();
    });
}

TEST_P(Endings, AShutdownOfBothEndsBoth) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->shutdown(direction::both));
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_read_end(*s.b, errc::end);
        EXPECT_EQ(co_await fill(*s.b, from_b, 200'000), (sent{.bytes = 200'000}));
        co_await s.close_both();
    });
}

TEST_P(Endings, AShutdownMayBeRepeated) {
    run([](stage& s) -> task<void> {
        for (const direction which : {direction::write, direction::write, direction::read,
                                      direction::read, direction::both, direction::both}) {
            expect_success(co_await s.a->shutdown(which));
        }
        co_await expect_read_end(*s.b, errc::end);
        co_await expect_read_end(*s.a, errc::end);
        co_await s.close_both();
        expect_success(co_await s.a->shutdown(direction::both));
    });
}

TEST_P(Endings, BothSidesShutDownAtOnce) {
    run([](stage& s) -> task<void> {
        const auto all =
            co_await when_all(s.a->shutdown(direction::write), s.b->shutdown(direction::write));
        expect_success(std::get<0>(all));
        expect_success(std::get<1>(all));
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_read_end(*s.b, errc::end);
        co_await expect_write_end(*s.a, errc::closed);
        co_await expect_write_end(*s.b, errc::closed);
        co_await s.close_both();
    });
}

TEST_P(Endings, AFinishedAndReadFlowMayBeDroppedWithoutAReset) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(fill_and_finish(*s.a, from_a, 1000));
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = 1000, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 1000}));
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        s.a.reset();
        co_await s.settle();
        co_await expect_read_end(*s.b, errc::end);
        expect_success(co_await s.b->close());
    });
}

// It did not come to the peer's end as an abort, because all that it had to say was said.
TEST_P(Endings, APeerThatFinishedAndIsDroppedLeavesACleanEnd) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(fill_and_finish(*s.a, from_a, 1000));
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = 1000, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = 1000}));
        s.a.reset();
        co_await expect_writes_to_fail(*s.b, errc::reset);
        co_await expect_read_end(*s.b, errc::end);
    });
}

} // namespace
} // namespace runnel::conformance
