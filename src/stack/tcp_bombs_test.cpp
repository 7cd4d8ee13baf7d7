// SPDX-License-Identifier: Apache-2.0
// Peers that want to cost more than they pay: what they can make a connection hold, and do for each
// segment, is bounded.
#include "runnel/core/buffer_pool.hpp"
#include "runnel/stack/tcp_connection.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr sequence remote_first(500);

struct target {
    explicit target(std::uint16_t peer_segment_size = 1460) {
        environment.config.max_receive_buffer = 4U << 20U;
        environment.config.receive_buffer = 4U << 20U;
        environment.config.send_buffer = 4U << 20U;
        tcp_handshake terms;
        terms.local_first = sequence(0);
        terms.remote_first = remote_first;
        terms.peer_segment_size = peer_segment_size;
        terms.peer_window = 4U << 20U;
        terms.peer_scale = std::uint8_t{7};
        terms.offered_window = 0xffff;
        terms.selective_ack = true;
        environment.config.initial_window = 100'000;
        connection.resume(terms, now);
    }

    void receive(std::uint32_t place, std::size_t size, sack_blocks sack = {}) {
        tcp_header header;
        header.number = remote_first + 1 + place;
        header.ack = sequence(1);
        header.window = 0xffff;
        header.sack = sack;
        // As a driver has it: in a frame.
        buffer frame = buffer::allocate(1500);
        frame.truncate(size);
        connection.receive(header, std::move(frame), {}, now);
    }
    std::size_t drain() {
        std::size_t count = 0;
        while (connection.transmit(out, now)) {
            ++count;
        }
        return count;
    }

    time_point now{1s};
    tcp_environment environment;
    tcp_connection connection{environment, 80, 1000, sequence(0), 0};
    tcp_segment out;
};

std::uint64_t live_buffers() {
    return buffer_pool::local().statistics().live;
}

TEST(TcpBombs, HolesAreBounded) {
    target one;
    for (std::uint32_t i = 0; i < 30'000; ++i) {
        one.receive(2 + 2 * i, 1);
        one.drain();
    }
    EXPECT_EQ(one.connection.receiver().queue().intervals(), receive_queue::max_intervals);
    EXPECT_LE(one.connection.receiver().queue().pieces(), receive_queue::max_intervals);
    EXPECT_GT(one.environment.counters.drops(tcp_drop::reassembly_limit), 20'000U);
    one.receive(0, 1); // what fills the first hole is always taken
    EXPECT_EQ(one.connection.readable(), 1U);
}

TEST(TcpBombs, TinySegmentsDoNotKeepFrames) {
    target one;
    const std::uint64_t before = live_buffers();
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        one.receive(i, 1);
        one.drain();
    }
    EXPECT_EQ(one.connection.readable(), 60'000U);
    EXPECT_LE(live_buffers() - before, 60U);
}

TEST(TcpBombs, TinySegmentsBehindAHoleDoNotEither) {
    target one;
    const std::uint64_t before = live_buffers();
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        one.receive(10 + i, 1);
        one.drain();
    }
    EXPECT_EQ(one.connection.receiver().queue().intervals(), 1U);
    EXPECT_LE(live_buffers() - before, 60U);
}

TEST(TcpBombs, OverlapsKeepTheFirstCopyAndNoMore) {
    target one;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        one.receive(5000 - 2 * i % 4000, 1400);
        one.drain();
    }
    EXPECT_LE(one.connection.receiver().queue().pieces(), 100U);
}

// The class of CVE-2019-11477 to 11479: blocks that cut what was sent into as many parts as can be.
TEST(TcpBombs, SackBlocksSplitOnlyBetweenSegments) {
    target one(1460);
    buffer data = buffer::allocate(1U << 20U);
    one.connection.write(data, one.now);
    one.drain();
    const std::size_t segments = (1U << 20U) / 1460 + 40;
    prng dice(1);
    for (int i = 0; i < 30'000; ++i) {
        sack_blocks sack;
        for (int j = 0; j < 4; ++j) {
            const auto begin = static_cast<std::uint32_t>(dice.below(1U << 20U));
            sack.add({sequence(begin),
                      sequence(begin + 1 + static_cast<std::uint32_t>(dice.below(4000)))});
        }
        one.receive(0, 0, sack);
        one.drain();
        ASSERT_LE(one.connection.sender().board().size(), segments);
    }
}

TEST(TcpBombs, ATinySegmentSizeIsNotObeyed) {
    target one(1);
    buffer data = buffer::allocate(100'000);
    one.connection.write(data, one.now);
    EXPECT_GE(one.connection.info(one.now).segment_size, 48U);
}

TEST(TcpBombs, WindowGamesNeverShrinkSegmentsToNothing) {
    target one;
    buffer data = buffer::allocate(100'000);
    one.connection.write(data, one.now);
    std::size_t sent = one.drain();
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        tcp_header header;
        header.number = remote_first + 1;
        header.ack = one.connection.sender().una();
        header.window = static_cast<std::uint16_t>(i % 2);
        one.connection.receive(header, {}, {}, one.now);
        sent += one.drain();
    }
    EXPECT_LE(sent, 120U);
}

TEST(TcpBombs, AnswersToNonsenseAreLimited) {
    target one;
    std::size_t answers = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        tcp_header header;
        header.number = remote_first + 0x1000'0000 + i;
        header.ack = sequence(1);
        one.connection.receive(header, {}, {}, one.now);
        answers += one.drain();
    }
    EXPECT_LE(answers, 10U);
}

} // namespace
