// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace runnel::inline v0::stack {

/// A TCP sequence number (RFC 9293 3.4): a place in a stream of bytes, modulo 2^32.
///
/// Comparisons say which of two places comes first, and mean something only for places less than
/// 2^31 apart, which everything inside a window is (RFC 7323 2.2 bounds windows to 2^30).
class sequence {
public:
    constexpr sequence() noexcept = default;
    constexpr explicit sequence(std::uint32_t number) noexcept : number_(number) {}

    [[nodiscard]] constexpr std::uint32_t number() const noexcept { return number_; }

    constexpr sequence& operator+=(std::uint32_t bytes) noexcept {
        number_ += bytes;
        return *this;
    }

    friend constexpr sequence operator+(sequence place, std::uint32_t bytes) noexcept {
        return sequence(place.number_ + bytes);
    }
    friend constexpr sequence operator-(sequence place, std::uint32_t bytes) noexcept {
        return sequence(place.number_ - bytes);
    }
    /// How many bytes lie between; requires `begin <= end`.
    friend constexpr std::uint32_t operator-(sequence end, sequence begin) noexcept {
        return end.number_ - begin.number_;
    }
    friend constexpr bool operator==(sequence, sequence) noexcept = default;
    friend constexpr bool operator<(sequence a, sequence b) noexcept {
        return static_cast<std::int32_t>(a.number_ - b.number_) < 0;
    }
    friend constexpr bool operator>(sequence a, sequence b) noexcept { return b < a; }
    friend constexpr bool operator<=(sequence a, sequence b) noexcept { return !(b < a); }
    friend constexpr bool operator>=(sequence a, sequence b) noexcept { return !(a < b); }

private:
    std::uint32_t number_ = 0;
};

/// The later and the earlier of two places.
[[nodiscard]] constexpr sequence later(sequence a, sequence b) noexcept {
    return a < b ? b : a;
}
[[nodiscard]] constexpr sequence earlier(sequence a, sequence b) noexcept {
    return a < b ? a : b;
}

/// Bytes from `begin` up to but not including `end`.
struct sequence_range {
    sequence begin;
    sequence end;

    [[nodiscard]] constexpr std::uint32_t size() const noexcept { return end - begin; }
    [[nodiscard]] constexpr bool contains(const sequence_range& other) const noexcept {
        return begin <= other.begin && other.end <= end;
    }
    friend constexpr bool operator==(const sequence_range&,
                                     const sequence_range&) noexcept = default;
};

} // namespace runnel::inline v0::stack
