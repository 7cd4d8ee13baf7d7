// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/byte_order.hpp"

#include <gtest/gtest.h>

#include <array>

namespace runnel {
namespace {

constexpr std::array<std::byte, 10> sample = {
    std::byte{0xff}, std::byte{0x81}, std::byte{0x02}, std::byte{0xc3}, std::byte{0x04},
    std::byte{0x85}, std::byte{0x06}, std::byte{0xe7}, std::byte{0x08}, std::byte{0xff}};

constexpr const std::byte* odd_place = sample.data() + 1;

static_assert(load_be16(odd_place) == 0x8102);
static_assert(load_be24(odd_place) == 0x8102c3);
static_assert(load_be32(odd_place) == 0x8102c304);
static_assert(load_be64(odd_place) == 0x8102c3048506e708);
static_assert(load_le16(odd_place) == 0x0281);
static_assert(load_le24(odd_place) == 0xc30281);
static_assert(load_le32(odd_place) == 0x04c30281);
static_assert(load_le64(odd_place) == 0x08e7068504c30281);

/// Stores with `store` at offset 1 of 10 bytes that were all 0xff.
template <class Store>
constexpr std::array<std::byte, 10> stored(Store store) {
    std::array<std::byte, 10> bytes{};
    bytes.fill(std::byte{0xff});
    store(bytes.data() + 1);
    return bytes;
}

/// The first `size` bytes of a number from `sample`, with 0xff around them.
constexpr std::array<std::byte, 10> expected(std::size_t size) {
    std::array<std::byte, 10> bytes{};
    bytes.fill(std::byte{0xff});
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i + 1] = sample[i + 1];
    }
    return bytes;
}

static_assert(stored([](std::byte* at) { store_be16(at, 0x8102); }) == expected(2));
static_assert(stored([](std::byte* at) { store_be24(at, 0x8102c3); }) == expected(3));
static_assert(stored([](std::byte* at) { store_be32(at, 0x8102c304); }) == expected(4));
static_assert(stored([](std::byte* at) { store_be64(at, 0x8102c3048506e708); }) == expected(8));
static_assert(stored([](std::byte* at) { store_le16(at, 0x0281); }) == expected(2));
static_assert(stored([](std::byte* at) { store_le24(at, 0xc30281); }) == expected(3));
static_assert(stored([](std::byte* at) { store_le32(at, 0x04c30281); }) == expected(4));
static_assert(stored([](std::byte* at) { store_le64(at, 0x08e7068504c30281); }) == expected(8));

TEST(ByteOrder, SpansGiveTheSameNumbersAsPointers) {
    const std::span<const std::byte> bytes(sample);
    EXPECT_EQ(load_be16(bytes, 1), 0x8102);
    EXPECT_EQ(load_be24(bytes, 1), 0x8102c3U);
    EXPECT_EQ(load_be32(bytes, 1), 0x8102c304U);
    EXPECT_EQ(load_be64(bytes, 1), 0x8102c3048506e708U);
    EXPECT_EQ(load_le16(bytes, 1), 0x0281);
    EXPECT_EQ(load_le24(bytes, 1), 0xc30281U);
    EXPECT_EQ(load_le32(bytes, 1), 0x04c30281U);
    EXPECT_EQ(load_le64(bytes, 1), 0x08e7068504c30281U);
    EXPECT_EQ(load_be16(bytes), 0xff81);
}

TEST(ByteOrder, StoresThroughASpanTouchOnlyTheirOwnBytes) {
    const auto check_store = [](auto store, std::uint64_t value, std::size_t size) {
        std::array<std::byte, 10> bytes{};
        bytes.fill(std::byte{0xff});
        store(std::span<std::byte>(bytes), std::size_t{1}, value);
        EXPECT_EQ(bytes, expected(size));
    };
    const auto u16 = [](std::uint64_t v) { return static_cast<std::uint16_t>(v); };
    const auto u32 = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    check_store([&](auto b, auto o, auto v) { store_be16(b, o, u16(v)); }, 0x8102, 2);
    check_store([&](auto b, auto o, auto v) { store_be24(b, o, u32(v)); }, 0x8102c3, 3);
    check_store([&](auto b, auto o, auto v) { store_be32(b, o, u32(v)); }, 0x8102c304, 4);
    check_store([&](auto b, auto o, auto v) { store_be64(b, o, v); }, 0x8102c3048506e708, 8);
    check_store([&](auto b, auto o, auto v) { store_le16(b, o, u16(v)); }, 0x0281, 2);
    check_store([&](auto b, auto o, auto v) { store_le24(b, o, u32(v)); }, 0xc30281, 3);
    check_store([&](auto b, auto o, auto v) { store_le32(b, o, u32(v)); }, 0x04c30281, 4);
    check_store([&](auto b, auto o, auto v) { store_le64(b, o, v); }, 0x08e7068504c30281, 8);
}

TEST(ByteOrderDeathTest, AFieldThatDoesNotLieInItsSpanStopsTheProgram) {
    const std::span<const std::byte> bytes(sample);
    EXPECT_EQ(load_be32(bytes, 6), 0x06e708ffU);
    EXPECT_DEATH(static_cast<void>(load_be32(bytes, 7)), "a field lies in its bytes");
    EXPECT_DEATH(static_cast<void>(load_le64(bytes, static_cast<std::size_t>(-1))),
                 "a field lies in its bytes");
}

} // namespace
} // namespace runnel
