// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_pool.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0 {

/// Bytes that a `receive` without a hint makes room for.
inline constexpr std::uint32_t default_receive_size = buffer_pool::class_sizes[2];

/// The size of the buffer for a `receive` with this hint: what fills a block of the pool.
[[nodiscard]] constexpr std::uint32_t receive_size(std::uint32_t hint) noexcept {
    if (hint == 0) {
        return default_receive_size;
    }
    for (const std::uint32_t size : buffer_pool::class_sizes) {
        if (hint <= size) {
            return size;
        }
    }
    return buffer_pool::class_sizes.back();
}

/// Whether a message of `size` bytes is better copied out of a block with room for `capacity`:
/// keeping it would pin many times its size.
[[nodiscard]] constexpr bool worth_copying(std::size_t size, std::size_t capacity) noexcept {
    constexpr std::size_t largest_copy = 2048;
    return size <= largest_copy && size < capacity / 8;
}

} // namespace runnel::inline v0
