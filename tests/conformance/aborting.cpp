// SPDX-License-Identifier: Apache-2.0
//
// What `abort` and dropping a flow promise: at once, told apart from an end, and every operation
// that waits on either side ends, once, with the right error.

#include "stage.hpp"

#include "runnel/async/sleep.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace runnel::conformance {
namespace {

const pattern from_a(1);
const pattern from_b(2);

class Aborting : public contract {};
RUNNEL_CONFORMANCE(Aborting);

/// How the peer of an aborted flow may see the reading side finish.
errors end_of_peer(const stage& s) {
    return s.can.tells_reset ? errors(errc::reset) : errc::reset | errc::end;
}

TEST_P(Aborting, IsSeenAsAResetAndNotAsAnEnd) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.b->read());
        co_await s.settle();
        EXPECT_FALSE(reading.done());
        s.a->abort();
        expect_error(co_await reading.ended(), end_of_peer(s));
        co_await expect_read_end(*s.b, end_of_peer(s));
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Aborting, ByDroppingIsSeenTheSame) {
    run([](stage& s) -> task<void> {
        auto reading = s.start(s.b->read());
        co_await s.settle();
        s.a.reset();
        expect_error(co_await reading.ended(), end_of_peer(s));
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Aborting, EndsOurOperationsWithAbortedForGood) {
    run([](stage& s) -> task<void> {
        s.a->abort();
        co_await expect_read_end(*s.a, errc::aborted);
        co_await expect_write_end(*s.a, errc::aborted);
        expect_error(co_await s.a->flush(), errc::aborted);
        expect_error(co_await s.a->shutdown(direction::write), errc::aborted);
        expect_success(co_await s.a->close());
        s.a->abort();
        co_await expect_read_end(*s.a, errc::aborted);
        co_await expect_write_end(*s.a, errc::aborted);
    });
}

TEST_P(Aborting, AfterAnEndWasReadLeavesThatEnd) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        s.a->abort();
        co_await expect_read_end(*s.a, errc::end);
        co_await expect_write_end(*s.a, errc::aborted);
    });
}

TEST_P(Aborting, LeavesThePeerWithABeginningOfWhatWasSent) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 500'000;
        auto writing = s.start(fill(*s.a, from_a, size, 10'000));
        co_await s.settle();
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, 1000), (received{.bytes = 1000}));
        s.a->abort();
        const auto took = co_await writing.ended();
        EXPECT_EQ(took.end, errc::aborted);
        const auto got = co_await drain(*s.b, from_a, 1000);
        EXPECT_TRUE(got.intact);
        EXPECT_TRUE(end_of_peer(s).has(got.end)) << got;
        EXPECT_LE(got.bytes + 1000, took.bytes);
        if (s.can.delivers_before_reset) {
            EXPECT_EQ(got.bytes + 1000, took.bytes);
        }
    });
}

TEST_P(Aborting, InTheMiddleOfAFloodBothWaysEndsEverything) {
    run([](stage& s) -> task<void> {
        const std::size_t size = std::size_t{1} << 30;
        auto a_writes = s.start(fill(*s.a, from_a, size, 100'000));
        auto b_writes = s.start(fill(*s.b, from_b, size, 100'000));
        auto b_reads = s.start(drain(*s.b, from_a));
        const auto read = co_await drain_some(*s.a, from_b, 0, 3'000'000);
        EXPECT_EQ(read, (received{.bytes = 3'000'000}));
        s.a->abort();
        EXPECT_EQ((co_await a_writes.ended()).end, errc::aborted);
        const auto got = co_await b_reads.ended();
        EXPECT_TRUE(got.intact);
        EXPECT_TRUE(end_of_peer(s).has(got.end)) << got;
        EXPECT_EQ((co_await b_writes.ended()).end, errc::reset);
        co_await expect_read_end(*s.a, errc::aborted);
    });
}

/// What one side has waiting when a flow is aborted.
enum class control : std::uint8_t { none, flush, shutdown, close };
constexpr std::array controls{control::none, control::flush, control::shutdown, control::close};

std::string describe(control what) {
    switch (what) {
    case control::none:
        return "nothing";
    case control::flush:
        return "a flush";
    case control::shutdown:
        return "a shutdown";
    case control::close:
        return "a close";
    }
    return "?";
}

using waiting_control = std::optional<background<result<void>>>;

waiting_control begin(stage& s, flow& side, control what) {
    switch (what) {
    case control::none:
        break;
    case control::flush:
        return s.start(side.flush());
    case control::shutdown:
        return s.start(side.shutdown(direction::write));
    case control::close:
        return s.start(side.close());
    }
    return std::nullopt;
}

/// What waits when `a` is aborted or dropped. A direction in which nobody writes has a read
/// waiting.
struct plan {
    bool a_writes;
    bool b_writes;
    control of_a;
    control of_b;
    bool drop;

    [[nodiscard]] bool a_finishes() const {
        return of_a == control::shutdown || of_a == control::close;
    }
    [[nodiscard]] bool b_finishes() const {
        return of_b == control::shutdown || of_b == control::close;
    }
    // A close lets the other side's writes go, because nobody reads.
    [[nodiscard]] bool a_write_waits() const { return a_writes && of_b != control::close; }
    [[nodiscard]] bool b_write_waits() const { return b_writes && of_a != control::close; }
    [[nodiscard]] bool a_control_waits() const {
        return a_write_waits() || (of_a == control::close && !b_finishes());
    }
    [[nodiscard]] bool b_control_waits() const {
        return b_write_waits() || (of_b == control::close && !a_finishes());
    }
};

/// What does not wait for anything has ended before the abort, unless the loop is a real one and
/// had no time for it.
template <class T>
void expect_end_of(T& outcome, bool waited, errors why) {
    if (waited || !outcome) {
        expect_error(outcome, why);
    }
    EXPECT_TRUE(waited || outcome || !loop::current().is_virtual());
}

task<void> expect_ends(stage& s, waiting_control& ours, waiting_control& theirs, const plan& p) {
    if (ours) {
        expect_end_of(co_await ours->ended(), p.a_control_waits(), errc::aborted);
    }
    if (theirs) {
        auto& outcome = co_await theirs->ended();
        // A close that had told the peer and cannot tell a reset from an end has succeeded.
        if (s.can.tells_reset || !outcome || p.of_b != control::close) {
            expect_end_of(outcome, p.b_control_waits(), errc::reset);
        }
    }
}

task<void> abort_amid(stage& s, const plan& p) {
    const std::size_t size = s.can.buffering + 100'000;
    std::optional<background<result<buffer>>> a_reads;
    std::optional<background<result<buffer>>> b_reads;
    std::optional<background<write_result>> a_writes;
    std::optional<background<write_result>> b_writes;
    if (p.a_writes) {
        a_writes.emplace(s.start(s.a->writev(from_a.lend(0, size))));
    } else {
        b_reads.emplace(s.start(s.b->read()));
    }
    if (p.b_writes) {
        b_writes.emplace(s.start(s.b->writev(from_b.lend(0, size))));
    } else {
        a_reads.emplace(s.start(s.a->read()));
    }
    co_await s.settle();
    auto ours = begin(s, *s.a, p.of_a);
    auto theirs = begin(s, *s.b, p.of_b);
    co_await s.settle();
    if (p.drop) {
        s.a.reset();
    } else {
        s.a->abort();
    }
    if (a_reads) {
        expect_error(co_await a_reads->ended(),
                     p.b_finishes() ? errc::aborted | errc::end : errc::aborted);
    }
    if (b_reads) {
        expect_error(co_await b_reads->ended(),
                     p.a_finishes() ? end_of_peer(s) | errc::end : end_of_peer(s));
    }
    if (a_writes) {
        expect_end_of(co_await a_writes->ended(), p.a_write_waits(), errc::aborted);
    }
    if (b_writes) {
        expect_end_of(co_await b_writes->ended(), p.b_write_waits(), errc::reset);
    }
    co_await expect_ends(s, ours, theirs, p);
}

TEST_P(Aborting, EndsWhateverWaitsOnEitherSideOnce) {
    run_unconnected([](stage& s) -> task<void> {
        for (int ways = 0; ways < 8; ++ways) {
            for (const control of_a : controls) {
                for (const control of_b : controls) {
                    const plan p{.a_writes = (ways & 1) != 0,
                                 .b_writes = (ways & 2) != 0,
                                 .of_a = of_a,
                                 .of_b = of_b,
                                 .drop = (ways & 4) != 0};
                    if (!co_await s.connect()) {
                        co_return;
                    }
                    co_await abort_amid(s, p);
                    if (HasFailure()) {
                        ADD_FAILURE()
                            << (p.drop ? "dropped" : "aborted") << " with "
                            << (p.a_writes ? "a write and " : "a read and ") << describe(of_a)
                            << " waiting; the peer with "
                            << (p.b_writes ? "a write and " : "a read and ") << describe(of_b);
                        co_return;
                    }
                }
            }
        }
    });
}

TEST_P(Aborting, TellsHowAStreamFinishedApart) {
    run([](stage& s) -> task<void> {
        // The peer finished; we did; both are seen as what they are.
        expect_success(co_await s.b->shutdown(direction::write));
        co_await expect_read_end(*s.a, errc::end);
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_write_end(*s.a, errc::closed);
        co_await s.close_both();
        // We aborted, which for the peer is a reset.
        const bool again = co_await s.connect();
        if (!again) {
            co_return;
        }
        s.a->abort();
        co_await expect_read_end(*s.a, errc::aborted);
        co_await expect_write_end(*s.a, errc::aborted);
        co_await expect_read_end(*s.b, end_of_peer(s));
        co_await expect_writes_to_fail(*s.b, errc::reset);
    });
}

TEST_P(Aborting, OfBothSidesAtOnceIsQuiet) {
    run([](stage& s) -> task<void> {
        auto a_reads = s.start(s.a->read());
        auto b_reads = s.start(s.b->read());
        co_await s.settle();
        s.a->abort();
        s.b->abort();
        expect_error(co_await a_reads.ended(), errc::aborted);
        expect_error(co_await b_reads.ended(), errc::aborted | end_of_peer(s));
    });
}

TEST_P(Aborting, RightAfterConnectingIsSeen) {
    run([](stage& s) -> task<void> {
        s.a.reset();
        co_await expect_read_end(*s.b, end_of_peer(s));
    });
}

} // namespace
} // namespace runnel::conformance
