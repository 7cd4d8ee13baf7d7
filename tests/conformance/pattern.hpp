// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::conformance {

/// The bytes of an endless stream, another for each seed: a byte lost, repeated, swapped or changed
/// anywhere shows. Cheap to copy.
class pattern {
public:
    explicit pattern(std::uint64_t seed) noexcept : start_(seed * 7919 % period) {}

    /// `size` bytes of the stream from `offset`, in memory of the pool.
    [[nodiscard]] buffer cut(std::uint64_t offset, std::size_t size) const;
    /// The same without a copy, in pieces of at most `longest` bytes.
    [[nodiscard]] buffer_list lend(std::uint64_t offset, std::size_t size) const;
    /// Whether `bytes` are those of the stream from `offset`.
    [[nodiscard]] bool matches(std::uint64_t offset, std::span<const std::byte> bytes) const;

    static constexpr std::size_t longest = std::size_t{1} << 20;

private:
    // A prime above `longest`, so that the stream never falls in step with a buffer size.
    static constexpr std::uint64_t period = 1'048'583;

    static const std::byte* table();
    [[nodiscard]] const std::byte* at(std::uint64_t offset) const {
        return table() + (start_ + offset) % period;
    }

    std::uint64_t start_;
};

} // namespace runnel::conformance
