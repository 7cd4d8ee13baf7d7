// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/checksum.hpp"

#include "checksum_kernels.hpp"
#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace runnel {
namespace {

constexpr std::size_t longest = 2100;
constexpr std::size_t alignments = 64;

/// RFC 1071 as it is written: one word at a time, the carries put back.
std::uint16_t reference_sum(std::span<const std::byte> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = std::to_integer<std::uint32_t>(bytes[i]);
        sum += i % 2 == 0 ? byte << 8U : byte;
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(sum);
}

std::vector<std::byte> random_bytes(prng& rng, std::size_t size) {
    std::vector<std::byte> bytes(size);
    rng.fill(bytes);
    return bytes;
}

/// The sum of a kernel in the form of `checksum::sum`.
std::uint16_t folded(std::uint64_t sum) {
    while (sum >> 16U != 0) {
        sum = (sum >> 16U) + (sum & 0xffffU);
    }
    return static_cast<std::uint16_t>(sum << 8U | sum >> 8U);
}

/// The portable kernel too, also where a faster one is there.
std::vector<checksum_kernel> all_kernels() {
    std::vector<checksum_kernel> kernels = {
        {.name = "portable", .sum = checksum_sum_portable, .copy = checksum_copy_portable}};
    std::ranges::copy(checksum_vector_kernels(), std::back_inserter(kernels));
    return kernels;
}

TEST(Checksum, GivesTheExampleOfRfc1071) {
    constexpr std::array bytes = {std::byte{0x00}, std::byte{0x01}, std::byte{0xf2},
                                  std::byte{0x03}, std::byte{0xf4}, std::byte{0xf5},
                                  std::byte{0xf6}, std::byte{0xf7}};
    EXPECT_EQ(checksum(bytes).sum(), 0xddf2);
    EXPECT_EQ(internet_checksum(bytes), 0x220d);
}

TEST(Checksum, EqualsTheReferenceForEveryLengthAndAlignment) {
    prng rng(1);
    const auto bytes = random_bytes(rng, longest + alignments);
    for (const checksum_kernel& kernel : all_kernels()) {
        for (std::size_t alignment = 0; alignment < alignments; ++alignment) {
            for (std::size_t size = 0; size <= longest; ++size) {
                const auto piece = std::span(bytes).subspan(alignment, size);
                const std::uint64_t sum = kernel.sum(piece.data(), size);
                ASSERT_EQ(folded(sum), reference_sum(piece))
                    << kernel.name << " at " << alignment << ", size " << size;
            }
        }
    }
    for (std::size_t size = 0; size <= longest; ++size) {
        const auto piece = std::span(bytes).first(size);
        ASSERT_EQ(checksum(piece).sum(), reference_sum(piece)) << size;
    }
}

TEST(Checksum, CopiesAndSumsForEveryLengthAndAlignment) {
    constexpr std::byte untouched{0xa5};
    prng rng(2);
    const auto bytes = random_bytes(rng, longest + alignments);
    std::vector<std::byte> copy(longest + alignments + 1);
    for (const checksum_kernel& kernel : all_kernels()) {
        for (std::size_t alignment = 0; alignment < alignments; ++alignment) {
            for (std::size_t size = 0; size <= longest; size += 1 + rng.below(8)) {
                // Another alignment for the target, and a byte on each side that must stay.
                const std::size_t target = 1 + rng.below(alignments);
                const auto from = std::span(bytes).subspan(alignment, size);
                const auto to = std::span(copy).subspan(target, size);
                copy[target - 1] = copy[target + size] = untouched;
                const std::uint64_t sum = kernel.copy(to.data(), from.data(), size);
                ASSERT_EQ(folded(sum), reference_sum(from)) << kernel.name << ' ' << size;
                ASSERT_TRUE(std::ranges::equal(from, to)) << kernel.name << ' ' << size;
                ASSERT_EQ(copy[target - 1], untouched);
                ASSERT_EQ(copy[target + size], untouched);
            }
        }
    }
}

TEST(Checksum, LosesNoCarryInLongRunsOfOnes) {
    for (const std::size_t size : {std::size_t{64}, std::size_t{65'535}, std::size_t{3 << 20}}) {
        const std::vector<std::byte> ones(size, std::byte{0xff});
        for (const checksum_kernel& kernel : all_kernels()) {
            EXPECT_EQ(folded(kernel.sum(ones.data(), size)), reference_sum(ones)) << kernel.name;
        }
    }
}

TEST(Checksum, OfZerosIsDistinctFromThatOfOnes) {
    const std::vector<std::byte> zeros(1000);
    const std::vector<std::byte> ones(1000, std::byte{0xff});
    EXPECT_EQ(checksum().sum(), 0);
    EXPECT_EQ(checksum(zeros).sum(), 0);
    EXPECT_EQ(checksum(ones).sum(), 0xffff);
    EXPECT_EQ(checksum(ones).value(), 0);
    EXPECT_EQ(checksum(ones).udp_value(), 0xffff);
    EXPECT_EQ(checksum(zeros).udp_value(), 0xffff);
}

TEST(Checksum, OfPiecesIsThatOfTheWhole) {
    prng rng(3);
    for (int round = 0; round < 3000; ++round) {
        const auto bytes = random_bytes(rng, rng.below(600));
        const std::span<const std::byte> whole(bytes);
        std::vector<std::byte> copy(bytes.size());
        checksum sum;
        for (std::size_t at = 0; at < whole.size();) {
            const std::size_t size = std::min(whole.size() - at, std::size_t{rng.below(150)});
            const auto piece = whole.subspan(at, size);
            switch (rng.below(3)) {
            case 0:
                sum.add(piece);
                std::ranges::copy(piece, copy.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            case 1:
                sum.add_copied(copy.data() + at, piece);
                break;
            default:
                sum.add(copy_and_sum(copy.data() + at, piece.data(), piece.size()));
                break;
            }
            at += size;
        }
        ASSERT_EQ(sum.sum(), reference_sum(whole));
        ASSERT_EQ(copy, bytes);
    }
}

TEST(Checksum, OfFieldsIsThatOfTheirBytesAtAnyOffset) {
    prng rng(4);
    for (std::size_t before = 0; before < 5; ++before) {
        auto bytes = random_bytes(rng, before + 6);
        const auto number = static_cast<std::uint32_t>(rng());
        const auto small = static_cast<std::uint16_t>(rng());
        store_be32(bytes, before, number);
        store_be16(bytes, before + 4, small);
        checksum sum;
        sum.add(std::span(bytes).first(before));
        sum.add_be32(number);
        sum.add_be16(small);
        EXPECT_EQ(sum.sum(), reference_sum(bytes)) << before;
    }
}

TEST(Checksum, OfAReceivedUdpDatagramWithItsPseudoHeaderIsValid) {
    // A DNS query from 192.0.2.1:4660 to 192.0.2.53:53 with the payload "hi!".
    std::array<std::byte, 11> datagram{};
    store_be16(datagram, 0, 4660);
    store_be16(datagram, 2, 53);
    store_be16(datagram, 4, 11);
    datagram[8] = std::byte{'h'};
    datagram[9] = std::byte{'i'};
    datagram[10] = std::byte{'!'};
    const auto pseudo_header =
        checksum::pseudo_header(ipv4_address(192, 0, 2, 1), ipv4_address(192, 0, 2, 53), 17, 11);
    checksum sent = pseudo_header;
    sent.add(datagram);
    // c000 + 0201 + c000 + 0235 + 0011 + 000b + 1234 + 0035 + 000b + 6869 + 2100, folded, inverted
    EXPECT_EQ(sent.udp_value(), 0xdfce);

    store_be16(datagram, 6, sent.udp_value());
    checksum received = pseudo_header;
    received.add(datagram);
    EXPECT_TRUE(received.valid());
    received.add_be16(1);
    EXPECT_FALSE(received.valid());
}

TEST(Checksum, OfThePseudoHeaderOfIpv6IsThatOfItsBytes) {
    const ipv6_address source(0x2001'0db8'0000'0000, 0x1234'5678'9abc'def0, 7);
    const ipv6_address destination(0xfe80'0000'0000'0000, 0xffff'ffff'ffff'ffff);
    std::array<std::byte, 40> bytes{};
    std::ranges::copy(source.bytes(), bytes.begin());
    std::ranges::copy(destination.bytes(), bytes.begin() + 16);
    store_be32(bytes, 32, 0x12345);
    bytes[39] = std::byte{6};
    EXPECT_EQ(checksum::pseudo_header(source, destination, 6, 0x12345).sum(), reference_sum(bytes));
}

TEST(UpdatedChecksum, GivesTheExampleOfRfc1624) {
    // Section 4: the older formula gives 0xffff here.
    EXPECT_EQ(update_checksum(0xdd2f, std::uint16_t{0x5555}, std::uint16_t{0x3285}), 0x0000);
}

TEST(UpdatedChecksum, EqualsANewOneAfterEveryKindOfChange) {
    // Words that are all zeros or all ones are where 0 and its other form 0xffff meet.
    constexpr std::array<std::uint32_t, 6> corners = {0,           0xffff'ffff, 0x0000'ffff,
                                                      0xffff'0000, 1,           0x8000'0001};
    prng rng(5);
    const auto any_word = [&] {
        return rng.below(4) == 0 ? static_cast<std::uint32_t>(rng())
                                 : corners[rng.below(corners.size())];
    };
    for (int round = 0; round < 200'000; ++round) {
        std::array<std::byte, 16> header{};
        header[0] = std::byte{0x45};
        header[1] = static_cast<std::byte>(rng());
        store_be32(header, 4, any_word());
        store_be32(header, 8, any_word());
        const std::uint16_t before = internet_checksum(header);
        const std::uint32_t old_field = load_be32(header, 8);
        const std::uint32_t new_field = any_word();
        store_be32(header, 8, new_field);
        ASSERT_EQ(update_checksum(before, old_field, new_field), internet_checksum(header));

        const std::uint16_t between = internet_checksum(header);
        const std::uint16_t old_word = load_be16(header, 6);
        const auto new_word = static_cast<std::uint16_t>(any_word());
        store_be16(header, 6, new_word);
        ASSERT_EQ(update_checksum(between, old_word, new_word), internet_checksum(header));
    }
}

TEST(ChecksumImplementation, IsTheFastestOfThisProcessor) {
    EXPECT_EQ(checksum_implementation(), checksum_kernels().back().name);
}

} // namespace
} // namespace runnel
