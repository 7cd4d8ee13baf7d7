// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/buffer.hpp"

#include "runnel/core/buffer_list.hpp"
#include "runnel/core/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

namespace runnel {
namespace {

TEST(Buffer, LeavesRoomForHeadersAndTrailers) {
    buffer b = buffer::allocate(100);
    EXPECT_EQ(b.size(), 100U);
    EXPECT_EQ(b.headroom(), buffer::default_headroom);
    EXPECT_GE(b.tailroom(), buffer::default_tailroom);
    const std::byte* payload = b.data();
    ASSERT_TRUE(b.prepend(54));
    EXPECT_EQ(b.data(), payload - 54);
    EXPECT_EQ(b.size(), 154U);
    EXPECT_FALSE(b.prepend(buffer::default_headroom));
    EXPECT_EQ(b.size(), 154U);
    ASSERT_TRUE(b.append(buffer::default_tailroom));
    EXPECT_FALSE(b.append(1U << 20));
}

TEST(Buffer, MovesOwnershipAndIsEmptyAfterwards) {
    buffer a = buffer::copy_of("hello");
    buffer b = std::move(a);
    EXPECT_EQ(b.view(), "hello");
    EXPECT_TRUE(a.empty()); // NOLINT(bugprone-use-after-move): that it is empty is the promise
    b = buffer::copy_of("world");
    EXPECT_EQ(b.view(), "world");
}

TEST(Buffer, SharedSlicesOutliveTheFirstAndMakeTheBytesConstant) {
    buffer whole = buffer::copy_of("0123456789");
    EXPECT_TRUE(whole.unique());
    buffer middle = whole.share(3, 4);
    EXPECT_FALSE(whole.unique());
    EXPECT_EQ(whole.headroom(), 0U);
    EXPECT_FALSE(whole.prepend(1));
    whole.reset();
    EXPECT_EQ(middle.view(), "3456");
    EXPECT_TRUE(middle.unique());
    EXPECT_TRUE(middle.prepend(3));
    EXPECT_EQ(middle.view(), "0123456");
}

TEST(Buffer, TakesTheFrontOffWithoutCopying) {
    buffer rest = buffer::copy_of("headbody");
    const std::byte* start = rest.data();
    const buffer head = rest.take_front(4);
    EXPECT_EQ(head.view(), "head");
    EXPECT_EQ(rest.view(), "body");
    EXPECT_EQ(head.data(), start);
    EXPECT_EQ(rest.data(), start + 4);
    const buffer all = rest.take_front(4);
    EXPECT_EQ(all.view(), "body");
    EXPECT_TRUE(rest.empty());
}

TEST(Buffer, OfStaticAndAdoptedMemoryIsConstantAndReleasedOnce) {
    buffer literal = buffer::of_static("constant");
    EXPECT_FALSE(literal.unique());
    EXPECT_FALSE(literal.append(1));
    int released = 0;
    const std::array<std::byte, 3> lent{};
    {
        const buffer first = buffer::adopt(
            lent, &released, [](void* owner) noexcept { ++*static_cast<int*>(owner); });
        const buffer second = first.share();
        EXPECT_EQ(first.data(), lent.data());
        EXPECT_EQ(released, 0);
    }
    EXPECT_EQ(released, 1);
}

TEST(Buffer, HoldsFarMoreThanTheLargestSlab) {
    buffer b = buffer::allocate(std::size_t{64} << 20);
    EXPECT_EQ(b.size(), std::size_t{64} << 20);
    b.writable().back() = std::byte{7};
    EXPECT_EQ(b.span().back(), std::byte{7});
    EXPECT_THROW((void)buffer::allocate(buffer::max_size + 1), std::length_error);
}

TEST(Buffer, SecretsAreWipedWhenReleased) {
    buffer secret = buffer::allocate_secret(32);
    std::ranges::fill(secret.writable(), std::byte{0x5a});
    secret.reset();
    // The pool hands the same block out again, so its former content would show.
    const buffer again = buffer::allocate_secret(32);
    EXPECT_TRUE(std::ranges::all_of(again.span(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(BufferDeathTest, BrokenRulesEndTheProcess) {
    buffer a = buffer::copy_of("x");
    const buffer b = a.share();
    EXPECT_DEATH((void)a.writable(), "nobody shares");
    EXPECT_DEATH((void)a.share(1, 1), "inside its buffer");
}

TEST(BufferPool, ReusesBlocksSoThatASteadyUseMapsNothingMore) {
    const auto use = [] {
        std::vector<buffer> held;
        for (const std::uint32_t size : buffer_pool::class_sizes) {
            for (int i = 0; i < 40; ++i) {
                held.push_back(buffer::allocate(size));
            }
        }
    };
    use();
    const buffer_statistics before = buffer_pool::local().statistics();
    for (int round = 0; round < 10; ++round) {
        use();
    }
    const buffer_statistics after = buffer_pool::local().statistics();
    EXPECT_EQ(after.live, before.live);
    EXPECT_EQ(after.peak, before.peak);
    EXPECT_LE(after.mapped, before.mapped + (std::uint64_t{4} << 20));
}

TEST(BufferPool, GivesMemoryBackToTheSystemAfterAPeak) {
    const std::uint64_t before = buffer_pool::local().statistics().mapped;
    {
        std::vector<buffer> held;
        for (int i = 0; i < 400; ++i) {
            held.push_back(buffer::allocate(262144));
        }
        EXPECT_GE(buffer_pool::local().statistics().mapped, before + (std::uint64_t{90} << 20));
    }
    EXPECT_LE(buffer_pool::local().statistics().mapped, before + (std::uint64_t{2} << 20));
}

TEST(BufferPool, TakesBackWhatAnotherThreadReleases) {
    const std::uint64_t live = buffer_pool::local().statistics().live;
    buffer sent = buffer::copy_of("crosses");
    std::jthread([moved = std::move(sent)]() mutable {
        EXPECT_EQ(moved.view(), "crosses");
        moved.reset();
    }).join();
    const buffer_statistics after = buffer_pool::local().statistics();
    EXPECT_EQ(after.live, live);
    EXPECT_GE(after.returned_remotely, 1U);
}

TEST(BufferPool, BlocksOutliveTheThreadThatMadeThem) {
    buffer kept;
    std::jthread([&kept] { kept = buffer::copy_of("still here"); }).join();
    EXPECT_EQ(kept.view(), "still here");
    kept.reset();
}

TEST(BufferList, KeepsItsItemsWhenItGrowsAndMoves) {
    buffer_list list;
    for (int i = 0; i < 100; ++i) {
        list.push_back(buffer::copy_of(std::to_string(i)));
    }
    EXPECT_EQ(list.size(), 100U);
    EXPECT_EQ(list.bytes(), 190U);
    buffer_list moved = std::move(list);
    EXPECT_EQ(moved[99].view(), "99");
    buffer_list few(buffer::copy_of("a"), buffer::copy_of("b"));
    few = std::move(moved);
    EXPECT_EQ(few[42].view(), "42");
    few.clear();
    EXPECT_TRUE(few.empty());
}

std::string drain(buffer_queue& queue) {
    std::string text(queue.bytes(), '\0');
    EXPECT_EQ(queue.copy_out(std::as_writable_bytes(std::span(text))), text.size());
    return text;
}

TEST(BufferQueue, IsFirstInFirstOutAndCountsBytes) {
    buffer_queue queue;
    EXPECT_TRUE(queue.empty());
    queue.push_back(buffer::copy_of("one "));
    queue.push_back(buffer());
    queue.push_back(buffer::copy_of("two "));
    queue.push_front(buffer::copy_of("zero "));
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_EQ(queue.bytes(), 13U);
    EXPECT_EQ(queue.pop_front().view(), "zero ");
    EXPECT_EQ(queue.pop_front(2).view(), "on");
    EXPECT_EQ(queue.bytes(), 6U);
    queue.consume(3);
    EXPECT_EQ(drain(queue), "wo ");
    EXPECT_TRUE(queue.empty());
}

TEST(BufferQueue, WrapsAroundManyTimesWithoutMixingUpItsOrder) {
    buffer_queue queue;
    std::string written;
    std::string read;
    for (int i = 0; i < 1000; ++i) {
        for (int j = 0; j <= i % 5; ++j) {
            const std::string piece = std::to_string(i * 10 + j) + ",";
            written += piece;
            queue.push_back(buffer::copy_of(piece));
        }
        for (int j = 0; j < 2 && !queue.empty(); ++j) {
            read += queue.pop_front(3).view();
        }
    }
    read += drain(queue);
    EXPECT_EQ(read, written);
}

TEST(BufferQueue, HoldsTinyPiecesInProportionToTheirBytes) {
    buffer_queue queue;
    std::string written;
    for (int i = 0; i < 100'000; ++i) {
        buffer large = buffer::allocate(200'000);
        large.writable()[0] = static_cast<std::byte>('a' + i % 26);
        large.truncate(1);
        written += static_cast<char>('a' + i % 26);
        queue.push_back_compact(std::move(large));
    }
    std::size_t held = 0;
    for (std::size_t i = 0; i < queue.size(); ++i) {
        held += queue[i].footprint();
    }
    EXPECT_EQ(queue.bytes(), 100'000U);
    EXPECT_LE(held, 1'000'000U);
    EXPECT_EQ(drain(queue), written);
}

TEST(BufferQueue, KeepsPiecesOfConvenientSizeByReference) {
    buffer_queue queue;
    buffer piece = buffer::allocate(1500);
    const std::byte* place = piece.data();
    queue.push_back_compact(buffer::copy_of("first"));
    queue.push_back_compact(std::move(piece));
    EXPECT_EQ(queue[1].data(), place);
    const buffer shared = queue[1].share();
    queue.push_back_compact(buffer::copy_of("x"));
    EXPECT_EQ(queue.size(), 3U) << "shared bytes are constant";
    EXPECT_EQ(shared.size(), 1500U);
}

} // namespace
} // namespace runnel
