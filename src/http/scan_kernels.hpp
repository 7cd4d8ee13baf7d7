// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace runnel::inline v0::http {

/// What 64 bytes are, bit 0 for the first: see `character`.
struct scan_block {
    std::uint64_t controls;
    std::uint64_t delimiters;
};

/// One way to classify bytes.
struct scan_kernel {
    std::string_view name;
    /// Writes one block for each 64 bytes of `size` > 0, the last one filled up with zero bits.
    void (*classify)(const char* from, std::size_t size, scan_block* to) noexcept;
};

/// Those that this processor can run; later ones are faster.
[[nodiscard]] std::span<const scan_kernel> scan_kernels() noexcept;

/// Those with vector instructions, as `scan_kernels`; none on other architectures than x86-64.
[[nodiscard]] std::span<const scan_kernel> scan_vector_kernels() noexcept;

/// The fastest.
[[nodiscard]] const scan_kernel& chosen_scan_kernel() noexcept;

void scan_portable(const char* from, std::size_t size, scan_block* to) noexcept;

} // namespace runnel::inline v0::http
