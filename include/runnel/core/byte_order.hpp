// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/check.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

/// Numbers in wire formats: big-endian ("be", network byte order) and little-endian ("le") loads
/// and stores of 16, 24, 32 and 64 bits.
///
/// Every function works at any alignment, on any host and in constant expressions; optimising
/// compilers turn each of the 16, 32 and 64 bit ones into a single instruction or two. The
/// functions on pointers touch exactly the bytes of the number from `at` on, which the caller knows
/// to be there; those on spans check that the number lies inside, also in release builds.
namespace runnel::inline v0 {

[[nodiscard]] constexpr std::uint16_t load_be16(const std::byte* at) noexcept {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8U |
                                      std::to_integer<unsigned>(at[1]));
}

/// The result is below 2^24.
[[nodiscard]] constexpr std::uint32_t load_be24(const std::byte* at) noexcept {
    return std::to_integer<std::uint32_t>(at[0]) << 16U |
           std::to_integer<std::uint32_t>(at[1]) << 8U | std::to_integer<std::uint32_t>(at[2]);
}

[[nodiscard]] constexpr std::uint32_t load_be32(const std::byte* at) noexcept {
    return std::to_integer<std::uint32_t>(at[0]) << 24U |
           std::to_integer<std::uint32_t>(at[1]) << 16U |
           std::to_integer<std::uint32_t>(at[2]) << 8U | std::to_integer<std::uint32_t>(at[3]);
}

[[nodiscard]] constexpr std::uint64_t load_be64(const std::byte* at) noexcept {
    return std::to_integer<std::uint64_t>(at[0]) << 56U |
           std::to_integer<std::uint64_t>(at[1]) << 48U |
           std::to_integer<std::uint64_t>(at[2]) << 40U |
           std::to_integer<std::uint64_t>(at[3]) << 32U |
           std::to_integer<std::uint64_t>(at[4]) << 24U |
           std::to_integer<std::uint64_t>(at[5]) << 16U |
           std::to_integer<std::uint64_t>(at[6]) << 8U | std::to_integer<std::uint64_t>(at[7]);
}

[[nodiscard]] constexpr std::uint16_t load_le16(const std::byte* at) noexcept {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[1]) << 8U |
                                      std::to_integer<unsigned>(at[0]));
}

/// The result is below 2^24.
[[nodiscard]] constexpr std::uint32_t load_le24(const std::byte* at) noexcept {
    return std::to_integer<std::uint32_t>(at[2]) << 16U |
           std::to_integer<std::uint32_t>(at[1]) << 8U | std::to_integer<std::uint32_t>(at[0]);
}

[[nodiscard]] constexpr std::uint32_t load_le32(const std::byte* at) noexcept {
    return std::to_integer<std::uint32_t>(at[3]) << 24U |
           std::to_integer<std::uint32_t>(at[2]) << 16U |
           std::to_integer<std::uint32_t>(at[1]) << 8U | std::to_integer<std::uint32_t>(at[0]);
}

[[nodiscard]] constexpr std::uint64_t load_le64(const std::byte* at) noexcept {
    return std::to_integer<std::uint64_t>(at[7]) << 56U |
           std::to_integer<std::uint64_t>(at[6]) << 48U |
           std::to_integer<std::uint64_t>(at[5]) << 40U |
           std::to_integer<std::uint64_t>(at[4]) << 32U |
           std::to_integer<std::uint64_t>(at[3]) << 24U |
           std::to_integer<std::uint64_t>(at[2]) << 16U |
           std::to_integer<std::uint64_t>(at[1]) << 8U | std::to_integer<std::uint64_t>(at[0]);
}

constexpr void store_be16(std::byte* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::byte>(value >> 8U);
    at[1] = static_cast<std::byte>(value);
}

/// `value` must be below 2^24.
constexpr void store_be24(std::byte* at, std::uint32_t value) noexcept {
    check(value < (1U << 24U), "a number of 24 bits is below 2^24");
    at[0] = static_cast<std::byte>(value >> 16U);
    at[1] = static_cast<std::byte>(value >> 8U);
    at[2] = static_cast<std::byte>(value);
}

constexpr void store_be32(std::byte* at, std::uint32_t value) noexcept {
    at[0] = static_cast<std::byte>(value >> 24U);
    at[1] = static_cast<std::byte>(value >> 16U);
    at[2] = static_cast<std::byte>(value >> 8U);
    at[3] = static_cast<std::byte>(value);
}

constexpr void store_be64(std::byte* at, std::uint64_t value) noexcept {
    at[0] = static_cast<std::byte>(value >> 56U);
    at[1] = static_cast<std::byte>(value >> 48U);
    at[2] = static_cast<std::byte>(value >> 40U);
    at[3] = static_cast<std::byte>(value >> 32U);
    at[4] = static_cast<std::byte>(value >> 24U);
    at[5] = static_cast<std::byte>(value >> 16U);
    at[6] = static_cast<std::byte>(value >> 8U);
    at[7] = static_cast<std::byte>(value);
}

constexpr void store_le16(std::byte* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::byte>(value);
    at[1] = static_cast<std::byte>(value >> 8U);
}

/// `value` must be below 2^24.
constexpr void store_le24(std::byte* at, std::uint32_t value) noexcept {
    check(value < (1U << 24U), "a number of 24 bits is below 2^24");
    at[0] = static_cast<std::byte>(value);
    at[1] = static_cast<std::byte>(value >> 8U);
    at[2] = static_cast<std::byte>(value >> 16U);
}

constexpr void store_le32(std::byte* at, std::uint32_t value) noexcept {
    at[0] = static_cast<std::byte>(value);
    at[1] = static_cast<std::byte>(value >> 8U);
    at[2] = static_cast<std::byte>(value >> 16U);
    at[3] = static_cast<std::byte>(value >> 24U);
}

constexpr void store_le64(std::byte* at, std::uint64_t value) noexcept {
    at[0] = static_cast<std::byte>(value);
    at[1] = static_cast<std::byte>(value >> 8U);
    at[2] = static_cast<std::byte>(value >> 16U);
    at[3] = static_cast<std::byte>(value >> 24U);
    at[4] = static_cast<std::byte>(value >> 32U);
    at[5] = static_cast<std::byte>(value >> 40U);
    at[6] = static_cast<std::byte>(value >> 48U);
    at[7] = static_cast<std::byte>(value >> 56U);
}

/// The place of a number of `width` bytes at `offset` in `bytes`; checks that all of it is inside.
template <class Byte>
[[nodiscard]] constexpr Byte* field_at(std::span<Byte> bytes, std::size_t offset,
                                       std::size_t width) noexcept {
    check(offset <= bytes.size() && width <= bytes.size() - offset, "a field lies in its bytes");
    return bytes.data() + offset;
}

[[nodiscard]] constexpr std::uint16_t load_be16(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_be16(field_at(bytes, offset, 2));
}

[[nodiscard]] constexpr std::uint32_t load_be24(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_be24(field_at(bytes, offset, 3));
}

[[nodiscard]] constexpr std::uint32_t load_be32(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_be32(field_at(bytes, offset, 4));
}

[[nodiscard]] constexpr std::uint64_t load_be64(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_be64(field_at(bytes, offset, 8));
}

[[nodiscard]] constexpr std::uint16_t load_le16(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_le16(field_at(bytes, offset, 2));
}

[[nodiscard]] constexpr std::uint32_t load_le24(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_le24(field_at(bytes, offset, 3));
}

[[nodiscard]] constexpr std::uint32_t load_le32(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_le32(field_at(bytes, offset, 4));
}

[[nodiscard]] constexpr std::uint64_t load_le64(std::span<const std::byte> bytes,
                                                std::size_t offset = 0) noexcept {
    return load_le64(field_at(bytes, offset, 8));
}

constexpr void store_be16(std::span<std::byte> bytes, std::size_t offset,
                          std::uint16_t value) noexcept {
    store_be16(field_at(bytes, offset, 2), value);
}

constexpr void store_be24(std::span<std::byte> bytes, std::size_t offset,
                          std::uint32_t value) noexcept {
    store_be24(field_at(bytes, offset, 3), value);
}

constexpr void store_be32(std::span<std::byte> bytes, std::size_t offset,
                          std::uint32_t value) noexcept {
    store_be32(field_at(bytes, offset, 4), value);
}

constexpr void store_be64(std::span<std::byte> bytes, std::size_t offset,
                          std::uint64_t value) noexcept {
    store_be64(field_at(bytes, offset, 8), value);
}

constexpr void store_le16(std::span<std::byte> bytes, std::size_t offset,
                          std::uint16_t value) noexcept {
    store_le16(field_at(bytes, offset, 2), value);
}

constexpr void store_le24(std::span<std::byte> bytes, std::size_t offset,
                          std::uint32_t value) noexcept {
    store_le24(field_at(bytes, offset, 3), value);
}

constexpr void store_le32(std::span<std::byte> bytes, std::size_t offset,
                          std::uint32_t value) noexcept {
    store_le32(field_at(bytes, offset, 4), value);
}

constexpr void store_le64(std::span<std::byte> bytes, std::size_t offset,
                          std::uint64_t value) noexcept {
    store_le64(field_at(bytes, offset, 8), value);
}

} // namespace runnel::inline v0
