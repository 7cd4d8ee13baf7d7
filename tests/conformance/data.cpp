// SPDX-License-Identifier: Apache-2.0
//
// What `read`, `read_into`, `write`, `writev`, their `_nodelay` forms and `flush` promise.

#include "stage.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <vector>

namespace runnel::conformance {
namespace {

const pattern from_a(1);
const pattern from_b(2);

class Data : public contract {};
RUNNEL_CONFORMANCE(Data);

TEST_P(Data, ComesOutAsItWentIn) {
    run([](stage& s) -> task<void> {
        auto there = s.start(s.a->write(text("request")));
        co_await expect_read(*s.b, "request");
        expect_success(co_await there.ended());
        EXPECT_EQ(there.value().accepted(), 7U);
        auto back = s.start(s.b->write(text("response")));
        co_await expect_read(*s.a, "response");
        expect_success(co_await back.ended());
        co_await s.close_both();
    });
}

TEST_P(Data, OneByteGoesThereAndBackManyTimes) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t rounds = 500;
        auto echo = s.start([](flow& b) -> task<sent> {
            sent all;
            while (true) {
                auto data = co_await b.read();
                if (!data) {
                    all.end = data.error().kind();
                    co_return all;
                }
                all.bytes += data->size();
                expect_success(co_await b.write(std::move(*data)));
            }
        }(*s.b));
        for (std::uint64_t round = 0; round < rounds; ++round) {
            expect_success(co_await s.a->write(from_a.cut(round, 1)));
            const auto back = co_await drain_some(*s.a, from_a, round, 1);
            if (back != received{.bytes = 1}) {
                ADD_FAILURE() << "round " << round << ": " << back;
                break;
            }
        }
        expect_success(co_await s.a->shutdown(direction::write));
        EXPECT_EQ(co_await echo.ended(), (sent{.bytes = rounds, .end = errc::end}));
        co_await s.close_both();
    });
}

TEST_P(Data, WritevTakesEmptyPiecesAndMoreThanTheSystemTakesAtOnce) {
    run([](stage& s) -> task<void> {
        constexpr std::size_t pieces = 3000; // IOV_MAX is 1024
        std::uint64_t total = 0;
        buffer_list list;
        for (std::size_t i = 0; i < pieces; ++i) {
            const std::size_t size = i % 3 == 0 ? 0 : i % 97;
            list.push_back(from_a.cut(total, size));
            total += size;
        }
        auto writing = s.start(s.a->writev(std::move(list)));
        const auto got = co_await drain_some(*s.b, from_a, 0, total);
        EXPECT_EQ(got, (received{.bytes = total}));
        expect_success(co_await writing.ended());
        EXPECT_EQ(writing.value().accepted(), total);
        co_await s.close_both();
    });
}

TEST_P(Data, ReadsGiveAtMostWhatTheHintAsksFor) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t size = 100'000;
        for (const std::size_t hint : {std::size_t{1}, std::size_t{7}, std::size_t{4096},
                                       std::size_t{65536}, std::size_t{1} << 24}) {
            const std::uint64_t bytes = hint < 16 ? size / 100 : size;
            if (!co_await s.connect()) {
                co_return;
            }
            const auto all = co_await when_all(fill_and_finish(*s.a, from_a, bytes, 10'000),
                                               drain(*s.b, from_a, 0, hint));
            EXPECT_EQ(std::get<1>(all), (received{.bytes = bytes, .end = errc::end}))
                << "with a hint of " << hint;
            co_await s.close_both();
        }
    });
}

TEST_P(Data, ReadIntoTakesMemoryOfAnySize) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t size = 6000;
        auto writing = s.start(fill_and_finish(*s.a, from_a, size, 997));
        std::uint64_t got = 0;
        std::array<std::byte, 64> memory{};
        while (true) {
            const auto target = std::span(memory).first(1 + got % 5);
            const auto count = co_await s.b->read_into(target);
            if (!count) {
                expect_error(count, errc::end);
                break;
            }
            EXPECT_TRUE(*count >= 1 && *count <= target.size());
            EXPECT_TRUE(from_a.matches(got, target.first(*count))) << "at " << got;
            got += *count;
        }
        EXPECT_EQ(got, size);
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        co_await s.close_both();
    });
}

TEST_P(Data, ReadIntoNothingIsAMistakeThatHarmsNothing) {
    run([](stage& s) -> task<void> {
        expect_error(co_await s.b->read_into({}), errc::invalid_argument);
        auto writing = s.start(s.a->write(text("after")));
        co_await expect_read(*s.b, "after");
        expect_success(co_await writing.ended());
        co_await s.close_both();
    });
}

TEST_P(Data, BothKindsOfReadsTakeTurns) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t size = 300'000;
        auto writing = s.start(fill_and_finish(*s.a, from_a, size, 30'011));
        std::uint64_t got = 0;
        std::array<std::byte, 1000> memory{};
        while (true) {
            const auto count = co_await s.b->read_into(memory);
            if (!count) {
                expect_error(count, errc::end);
                break;
            }
            EXPECT_TRUE(from_a.matches(got, std::span(memory).first(*count))) << "at " << got;
            got += *count;
            const auto data = co_await s.b->read(2000);
            if (!data) {
                expect_error(data, errc::end);
                break;
            }
            EXPECT_TRUE(from_a.matches(got, data->span())) << "at " << got;
            got += data->size();
        }
        EXPECT_EQ(got, size);
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        co_await s.close_both();
    });
}

TEST_P(Data, BuffersThatWereReadStayAsTheyAre) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t size = 700'000;
        auto writing = s.start(fill_and_finish(*s.a, from_a, size, 10'007));
        std::vector<buffer> kept;
        while (true) {
            auto data = co_await s.b->read(kept.size() % 2 == 0 ? 0 : 777);
            if (!data) {
                expect_error(data, errc::end);
                break;
            }
            kept.push_back(std::move(*data));
        }
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        co_await s.close_both();
        s.a.reset();
        s.b.reset();
        std::uint64_t offset = 0;
        for (const buffer& data : kept) {
            EXPECT_TRUE(from_a.matches(offset, data.span())) << "at " << offset;
            offset += data.size();
        }
        EXPECT_EQ(offset, size);
    });
}

TEST_P(Data, ABufferSharedWithTheCallerIsNotChangedByWritingIt) {
    run([](stage& s) -> task<void> {
        constexpr std::size_t size = 50'000;
        const buffer kept = from_a.cut(0, size);
        auto writing = s.start(s.a->write(kept.share()));
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        expect_success(co_await writing.ended());
        EXPECT_TRUE(from_a.matches(0, kept.span()));
        co_await s.close_both();
    });
}

TEST_P(Data, EmptyWritesSucceedAndSendNothing) {
    run([](stage& s) -> task<void> {
        expect_success(co_await s.a->write(buffer()));
        expect_success(co_await s.a->writev(buffer_list()));
        expect_success(co_await s.a->writev(buffer_list(buffer(), text(""))));
        expect_success(co_await s.a->write_nodelay(buffer()));
        auto writing = s.start(s.a->write(text("x")));
        co_await expect_read(*s.b, "x");
        expect_success(co_await writing.ended());
        expect_success(co_await s.a->write(buffer()));
        expect_success(co_await s.a->shutdown(direction::write));
        co_await expect_read_end(*s.b, errc::end);
        co_await s.close_both();
    });
}

TEST_P(Data, WritesWithoutDelayArriveAndEnd) {
    run([](stage& s) -> task<void> {
        constexpr std::uint64_t size = 200'000;
        auto reading = s.start(drain(*s.b, from_a));
        std::uint64_t offset = 0;
        for (const std::size_t part : {std::size_t{1}, std::size_t{1000}, std::size_t{98'999}}) {
            expect_success(co_await s.a->write_nodelay(from_a.cut(offset, part)));
            offset += part;
        }
        buffer_list list(from_a.cut(offset, 50'000), from_a.cut(offset + 50'000, 50'000));
        expect_success(co_await s.a->writev_nodelay(std::move(list)));
        expect_success(co_await s.a->shutdown(direction::write));
        EXPECT_EQ(co_await reading.ended(), (received{.bytes = size, .end = errc::end}));
        co_await s.close_both();
    });
}

TEST_P(Data, FlushEndsAfterTheWritesBeforeIt) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 100'000;
        auto writing = s.start(fill(*s.a, from_a, size, size));
        auto flushing = s.start([](flow& a) -> task<result<void>> {
            co_await yield(); // so that the write comes first
            co_return co_await a.flush();
        }(*s.a));
        co_await s.settle();
        EXPECT_FALSE(writing.done());
        EXPECT_FALSE(flushing.done());
        EXPECT_EQ(co_await drain_some(*s.b, from_a, 0, size), (received{.bytes = size}));
        EXPECT_EQ(co_await writing.ended(), (sent{.bytes = size}));
        expect_success(co_await flushing.ended());
        expect_success(co_await s.a->flush());
        expect_success(co_await s.b->flush());
        co_await s.close_both();
    });
}

TEST_P(Data, WritersOfBothSidesWaitingForEachOtherAreSetFreeByReaders) {
    run([](stage& s) -> task<void> {
        const std::size_t size = s.can.buffering + 500'000;
        auto there = s.start(fill_and_finish(*s.a, from_a, size, size));
        auto back = s.start(fill_and_finish(*s.b, from_b, size, size));
        co_await s.settle();
        EXPECT_FALSE(there.done());
        EXPECT_FALSE(back.done());
        EXPECT_EQ(co_await drain(*s.a, from_b), (received{.bytes = size, .end = errc::end}));
        EXPECT_EQ(co_await drain(*s.b, from_a), (received{.bytes = size, .end = errc::end}));
        EXPECT_EQ(co_await there.ended(), (sent{.bytes = size}));
        EXPECT_EQ(co_await back.ended(), (sent{.bytes = size}));
        co_await s.close_both();
    });
}

} // namespace
} // namespace runnel::conformance
