// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace runnel::inline v0 {

/// One way to sum, and to copy and sum, any number of bytes.
///
/// The result is a sum of their little-endian words of 16 bits, the last one padded with a zero
/// byte, modulo 2^64 - 1; it is 0 only if all bytes are.
struct checksum_kernel {
    std::string_view name;
    std::uint64_t (*sum)(const std::byte* from, std::size_t size) noexcept;
    std::uint64_t (*copy)(std::byte* to, const std::byte* from, std::size_t size) noexcept;
};

/// Those that this processor can run; later ones are faster.
[[nodiscard]] std::span<const checksum_kernel> checksum_kernels() noexcept;

/// Those with vector instructions, as `checksum_kernels`; none on other architectures than x86-64.
[[nodiscard]] std::span<const checksum_kernel> checksum_vector_kernels() noexcept;

/// Sums with integer instructions only.
[[nodiscard]] std::uint64_t checksum_sum_portable(const std::byte* from, std::size_t size) noexcept;
[[nodiscard]] std::uint64_t checksum_copy_portable(std::byte* to, const std::byte* from,
                                                   std::size_t size) noexcept;

} // namespace runnel::inline v0
