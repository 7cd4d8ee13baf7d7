// SPDX-License-Identifier: Apache-2.0
//
// Random programs on both sides, from a seed: whatever they do, what comes out is a beginning of
// what went in, and the end comes exactly after all of it.

#include "stage.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/random.hpp"

#include <tuple>
#include <vector>

namespace runnel::conformance {
namespace {

const pattern from_a(1);
const pattern from_b(2);
constexpr std::uint64_t seeds = 60;

class Interleaving : public contract {};
RUNNEL_CONFORMANCE(Interleaving);

std::size_t any_size(prng& dice) {
    switch (dice.below(4)) {
    case 0:
        return dice.below(4);
    case 1:
        return dice.below(300);
    case 2:
        return dice.below(20'000);
    default:
        return dice.below(200'000);
    }
}

task<void> pause(prng& dice) {
    if (dice.below(2) == 0) {
        co_await after(static_cast<int>(dice.below(10)));
    }
}

task<write_result> write_somehow(flow& to, pattern stream, std::uint64_t at, prng& dice) {
    const std::size_t size = any_size(dice);
    switch (dice.below(4)) {
    case 0:
        co_return co_await to.writev(stream.lend(at, size));
    case 1:
        co_return co_await to.write_nodelay(stream.cut(at, size));
    default:
        co_return co_await to.write(stream.cut(at, size));
    }
}

/// Sends, flushes and pauses; at last shuts down, unless the stream failed before.
task<sent> act_as_writer(flow& to, pattern stream, std::uint64_t seed) {
    prng dice(seed);
    sent all;
    for (std::uint64_t left = dice.below(30); left > 0; --left) {
        co_await pause(dice);
        if (dice.below(5) == 0) {
            const auto flushed = co_await to.flush();
            if (!flushed) {
                all.end = flushed.error().kind();
                co_return all;
            }
            continue;
        }
        const auto outcome = co_await write_somehow(to, stream, all.bytes, dice);
        all.bytes += outcome.accepted();
        if (!outcome) {
            all.end = outcome.error().kind();
            co_return all;
        }
    }
    co_await pause(dice);
    const auto ended = co_await to.shutdown(direction::write);
    if (!ended) {
        all.end = ended.error().kind();
    }
    co_return all;
}

task<bool> read_once_into(flow& from, pattern stream, received& all, std::size_t size) {
    std::vector<std::byte> memory(size);
    const auto count = co_await from.read_into(memory);
    if (!count) {
        all.end = count.error().kind();
        co_return false;
    }
    all.intact = all.intact && stream.matches(all.bytes, std::span(memory).first(*count));
    all.bytes += *count;
    co_return true;
}

/// Reads in every way until the end.
task<received> act_as_reader(flow& from, pattern stream, std::uint64_t seed) {
    prng dice(seed);
    received all;
    while (true) {
        co_await pause(dice);
        if (dice.below(3) == 0) {
            const std::size_t size = 1 + any_size(dice);
            if (!co_await read_once_into(from, stream, all, size)) {
                co_return all;
            }
            continue;
        }
        const std::size_t hint = dice.below(2) == 0 ? 0 : any_size(dice);
        const auto data = co_await from.read(hint);
        if (!data) {
            all.end = data.error().kind();
            co_return all;
        }
        all.intact = all.intact && stream.matches(all.bytes, data->span());
        all.bytes += data->size();
    }
}

TEST_P(Interleaving, OfAnyProgramsGivesEveryByteAndThenTheEnd) {
    run_unconnected([](stage& s) -> task<void> {
        for (std::uint64_t seed = 0; seed < seeds; ++seed) {
            if (!co_await s.connect()) {
                co_return;
            }
            const auto all = co_await when_all(act_as_writer(*s.a, from_a, 4 * seed),
                                               act_as_reader(*s.a, from_b, 4 * seed + 1),
                                               act_as_writer(*s.b, from_b, 4 * seed + 2),
                                               act_as_reader(*s.b, from_a, 4 * seed + 3));
            const sent& a_sent = std::get<0>(all);
            const sent& b_sent = std::get<2>(all);
            EXPECT_EQ(a_sent.end, errc{});
            EXPECT_EQ(b_sent.end, errc{});
            EXPECT_EQ(std::get<1>(all), (received{.bytes = b_sent.bytes, .end = errc::end}));
            EXPECT_EQ(std::get<3>(all), (received{.bytes = a_sent.bytes, .end = errc::end}));
            co_await s.close_both();
            if (HasFailure()) {
                ADD_FAILURE() << "with seed " << seed;
                co_return;
            }
        }
    });
}

task<void> abort_after(flow& side, std::uint64_t turns) {
    co_await after(static_cast<int>(turns));
    side.abort();
}

TEST_P(Interleaving, OfAnyProgramsWithAnAbortGivesABeginningAndThenSaysWhy) {
    run_unconnected([](stage& s) -> task<void> {
        for (std::uint64_t seed = 0; seed < seeds; ++seed) {
            if (!co_await s.connect()) {
                co_return;
            }
            const auto all = co_await when_all(act_as_writer(*s.a, from_a, 4 * seed),
                                               act_as_reader(*s.a, from_b, 4 * seed + 1),
                                               act_as_writer(*s.b, from_b, 4 * seed + 2),
                                               act_as_reader(*s.b, from_a, 4 * seed + 3),
                                               abort_after(*s.a, prng(seed).below(100)));
            const received& at_a = std::get<1>(all);
            const received& at_b = std::get<3>(all);
            EXPECT_TRUE(at_a.intact && at_b.intact);
            EXPECT_LE(at_a.bytes, std::get<2>(all).bytes);
            EXPECT_LE(at_b.bytes, std::get<0>(all).bytes);
            EXPECT_TRUE(errors(errc::end | errc::aborted).has(at_a.end)) << at_a;
            EXPECT_TRUE(errors(errc::end | errc::reset).has(at_b.end)) << at_b;
            const bool finished = std::get<0>(all).end == errc{};
            if (at_b.end == errc::end && s.can.tells_reset) {
                EXPECT_TRUE(finished) << "an abort was taken for an end";
                EXPECT_EQ(at_b.bytes, std::get<0>(all).bytes);
            }
            if (HasFailure()) {
                ADD_FAILURE() << "with seed " << seed;
                co_return;
            }
        }
    });
}

} // namespace
} // namespace runnel::conformance
