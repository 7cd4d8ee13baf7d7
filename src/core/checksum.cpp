// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/checksum.hpp"

#include "checksum_kernels.hpp"

#include <array>

namespace runnel::inline v0 {
namespace {

constexpr checksum_kernel portable = {
    .name = "portable", .sum = checksum_sum_portable, .copy = checksum_copy_portable};

/// Before main, constructors of static objects may already ask for sums: until the choice was made
/// they get the portable code.
constinit checksum_kernel chosen = portable;
[[maybe_unused]] const bool choice_made = [] {
    chosen = checksum_kernels().back();
    return true;
}();

/// The two halves are added separately, so that no carry is ever lost.
struct half_sums {
    std::uint64_t lower = 0;
    std::uint64_t upper = 0;

    void add(std::uint64_t words) noexcept {
        lower += words & 0xffff'ffffU;
        upper += words >> 32U;
    }
};

} // namespace

std::uint64_t checksum_sum_portable(const std::byte* from, std::size_t size) noexcept {
    half_sums sums;
    for (; size >= 8; from += 8, size -= 8) {
        sums.add(load_le64(from));
    }
    if ((size & 4U) != 0) {
        sums.add(load_le32(from));
        from += 4;
    }
    if ((size & 2U) != 0) {
        sums.add(load_le16(from));
        from += 2;
    }
    if ((size & 1U) != 0) {
        sums.add(std::to_integer<unsigned>(*from));
    }
    return sums.lower + sums.upper;
}

std::uint64_t checksum_copy_portable(std::byte* to, const std::byte* from,
                                     std::size_t size) noexcept {
    half_sums sums;
    for (; size >= 8; to += 8, from += 8, size -= 8) {
        const std::uint64_t words = load_le64(from);
        store_le64(to, words);
        sums.add(words);
    }
    if ((size & 4U) != 0) {
        const std::uint32_t words = load_le32(from);
        store_le32(to, words);
        sums.add(words);
        from += 4;
        to += 4;
    }
    if ((size & 2U) != 0) {
        const std::uint16_t word = load_le16(from);
        store_le16(to, word);
        sums.add(word);
        from += 2;
        to += 2;
    }
    if ((size & 1U) != 0) {
        *to = *from;
        sums.add(std::to_integer<unsigned>(*from));
    }
    return sums.lower + sums.upper;
}

std::span<const checksum_kernel> checksum_kernels() noexcept {
    constexpr std::span<const checksum_kernel> only_portable(&portable, 1);
    const auto vector_kernels = checksum_vector_kernels();
    return vector_kernels.empty() ? only_portable : vector_kernels;
}

std::uint64_t checksum::sum_long(const std::byte* from, std::size_t size) noexcept {
    return chosen.sum(from, size);
}

std::uint64_t checksum::copy_long(std::byte* to, const std::byte* from, std::size_t size) noexcept {
    return chosen.copy(to, from, size);
}

std::string_view checksum_implementation() noexcept {
    return chosen.name;
}

} // namespace runnel::inline v0
