// SPDX-License-Identifier: Apache-2.0
#include "character.hpp"
#include "scan_kernels.hpp"

#include <algorithm>

namespace runnel::inline v0::http {
namespace {

constexpr scan_kernel portable = {.name = "portable", .classify = scan_portable};

/// Until the choice was made, constructors of static objects get the portable code.
constinit scan_kernel chosen = portable;
[[maybe_unused]] const bool choice_made = [] {
    chosen = scan_kernels().back();
    return true;
}();

} // namespace

void scan_portable(const char* from, std::size_t size, scan_block* to) noexcept {
    for (; size != 0; ++to) {
        const std::size_t count = std::min<std::size_t>(size, 64);
        scan_block block{};
        for (std::size_t bit = 0; bit < count; ++bit) {
            const std::uint64_t what = characters[static_cast<unsigned char>(from[bit])];
            block.controls |= (what & is_control) << bit;
            block.delimiters |= ((what & is_delimiter) >> 1U) << bit;
        }
        *to = block;
        from += count;
        size -= count;
    }
}

std::span<const scan_kernel> scan_kernels() noexcept {
    constexpr std::span<const scan_kernel> only_portable(&portable, 1);
    const auto vector_kernels = scan_vector_kernels();
    return vector_kernels.empty() ? only_portable : vector_kernels;
}

const scan_kernel& chosen_scan_kernel() noexcept {
    return chosen;
}

} // namespace runnel::inline v0::http
