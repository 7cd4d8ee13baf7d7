// SPDX-License-Identifier: Apache-2.0
#include "crc32c.hpp"

#include <array>

namespace runnel::inline v0 {
namespace {

/// The remainders of all bytes by Castagnoli's polynomial, bits reversed.
constexpr std::array<std::uint32_t, 256> make_table() noexcept {
    constexpr std::uint32_t polynomial = 0x82F6'3B78;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1U) ^ ((remainder & 1U) != 0 ? polynomial : 0);
        }
        table[byte] = remainder;
    }
    return table;
}

constexpr auto table = make_table();

} // namespace

std::uint32_t crc32c(std::uint32_t so_far, std::span<const std::byte> bytes) noexcept {
    std::uint32_t remainder = ~so_far;
    for (const std::byte b : bytes) {
        remainder =
            (remainder >> 8U) ^ table[(remainder ^ std::to_integer<std::uint32_t>(b)) & 0xFFU];
    }
    return ~remainder;
}

} // namespace runnel::inline v0
