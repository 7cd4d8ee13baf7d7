// SPDX-License-Identifier: Apache-2.0
//
// Cancelling reads and writes at every moment while data races: no byte is lost or comes twice.

#include "stage.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/random.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <tuple>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

const pattern from_a(1);

class Cancelling : public contract {};
RUNNEL_CONFORMANCE(Cancelling);

constexpr int pieces = 300;
constexpr std::size_t longest_piece = 3000;

/// Writes pieces with pauses of several lengths, so that reads find data at every moment.
task<sent> trickle(flow& to) {
    prng dice(3);
    sent all;
    for (int piece = 0; piece < pieces; ++piece) {
        const std::size_t size = dice.between(1, longest_piece);
        const auto outcome = co_await to.write(from_a.cut(all.bytes, size));
        all.bytes += outcome.accepted();
        if (!outcome) {
            all.end = outcome.error().kind();
            co_return all;
        }
        co_await after(static_cast<int>(dice.below(6)));
    }
    const auto ended = co_await to.shutdown(direction::write);
    expect_success(ended);
    co_return all;
}

/// Reads, each read cancelled after some turns unless it is done before.
task<received> read_impatiently(flow& from) {
    prng dice(4);
    received all;
    while (true) {
        const auto either = co_await when_any(from.read(), after(static_cast<int>(dice.below(4))));
        const auto& data = std::get<0>(either.results);
        if (data) {
            all.intact = all.intact && from_a.matches(all.bytes, data->span());
            all.bytes += data->size();
        } else if (!(data.error() == errc::cancelled)) {
            all.end = data.error().kind();
            co_return all;
        }
    }
}

TEST_P(Cancelling, ReadsAtEveryMomentLosesNoByte) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(trickle(*s.a));
        const auto got = co_await read_impatiently(*s.b);
        EXPECT_EQ(got, (received{.bytes = (co_await writing.ended()).bytes, .end = errc::end}));
        EXPECT_EQ(writing.value().end, errc{});
        co_await s.close_both();
    });
}

/// The same into memory, which nobody touches any more once the read has ended.
task<received> read_into_impatiently(flow& from) {
    prng dice(5);
    received all;
    std::array<std::byte, longest_piece / 2> memory{};
    constexpr std::byte mark{0x5a};
    while (true) {
        const auto either =
            co_await when_any(from.read_into(memory), after(static_cast<int>(dice.below(4))));
        const auto& count = std::get<0>(either.results);
        if (count) {
            all.intact = all.intact && from_a.matches(all.bytes, std::span(memory).first(*count));
            all.bytes += *count;
        } else if (count.error() == errc::cancelled) {
            memory.fill(mark);
            co_await yield();
            all.intact = all.intact && std::ranges::count(memory, mark) == std::ssize(memory);
        } else {
            all.end = count.error().kind();
            co_return all;
        }
    }
}

TEST_P(Cancelling, ReadsIntoMemoryLosesNoByteAndLeavesTheMemoryAlone) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(trickle(*s.a));
        const auto got = co_await read_into_impatiently(*s.b);
        EXPECT_EQ(got, (received{.bytes = (co_await writing.ended()).bytes, .end = errc::end}));
        co_await s.close_both();
    });
}

TEST_P(Cancelling, AReadInTheTurnInWhichDataComesLosesNoByte) {
    run([](stage& s) -> task<void> {
        std::uint64_t got = 0;
        constexpr std::uint64_t rounds = 50;
        for (std::uint64_t round = 0; round < rounds; ++round) {
            auto reading = s.start(s.b->read());
            co_await after(static_cast<int>(round % 3));
            auto writing = s.start(s.a->write(from_a.cut(round, 1)));
            co_await after(static_cast<int>(round % 5));
            reading.cancel();
            auto& data = co_await reading.ended();
            if (data) {
                EXPECT_TRUE(from_a.matches(got, data->span()));
                got += data->size();
            } else {
                expect_error(data, errc::cancelled);
                const auto late = co_await drain_some(*s.b, from_a, got, 1);
                EXPECT_EQ(late, (received{.bytes = 1})) << "in round " << round;
                got += late.bytes;
            }
            expect_success(co_await writing.ended());
        }
        EXPECT_EQ(got, rounds);
        co_await s.close_both();
    });
}

/// Writes `size` bytes, each write cancelled after some turns, and the next begins where the last
/// one says that it stopped.
task<sent> write_impatiently(flow& to, std::uint64_t size) {
    prng dice(6);
    sent all;
    while (all.bytes < size) {
        const std::uint64_t part = std::min<std::uint64_t>(size - all.bytes, 200'000);
        buffer_list data = from_a.lend(all.bytes, part);
        const auto either =
            co_await when_any(to.writev(std::move(data)), after(static_cast<int>(dice.below(4))));
        const auto& outcome = std::get<0>(either.results);
        all.bytes += outcome.accepted();
        EXPECT_EQ(outcome.accepted() == part, outcome.has_value());
        if (!outcome && !(outcome.error() == errc::cancelled)) {
            all.end = outcome.error().kind();
            co_return all;
        }
    }
    const auto ended = co_await to.shutdown(direction::write);
    expect_success(ended);
    co_return all;
}

/// Reads in small pieces with pauses, so that writes wait.
task<received> read_slowly(flow& from) {
    prng dice(7);
    received all;
    while (true) {
        const auto data = co_await from.read(dice.between(1, 30'000));
        if (!data) {
            all.end = data.error().kind();
            co_return all;
        }
        all.intact = all.intact && from_a.matches(all.bytes, data->span());
        all.bytes += data->size();
        co_await after(static_cast<int>(dice.below(3)));
    }
}

TEST_P(Cancelling, WritesAtEveryMomentTellsExactlyWhatWasAccepted) {
    run([](stage& s) -> task<void> {
        const std::uint64_t size = 3 * s.can.buffering + 1'000'000;
        auto writing = s.start(write_impatiently(*s.a, size));
        EXPECT_EQ(co_await read_slowly(*s.b), (received{.bytes = size, .end = errc::end}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        co_await s.close_both();
    });
}

TEST_P(Cancelling, ByShortDeadlinesLosesNoByteEither) {
    run([](stage& s) -> task<void> {
        auto writing = s.start(trickle(*s.a));
        received all;
        while (all.end == errc{}) {
            const auto data = co_await with_timeout(1us, s.b->read(500));
            if (data) {
                all.intact = all.intact && from_a.matches(all.bytes, data->span());
                all.bytes += data->size();
            } else if (!(data.error() == errc::timed_out)) {
                all.end = data.error().kind();
            }
        }
        EXPECT_EQ(all, (received{.bytes = (co_await writing.ended()).bytes, .end = errc::end}));
        co_await s.close_both();
    });
}

} // namespace
} // namespace runnel::conformance
