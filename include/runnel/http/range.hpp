// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace runnel::inline v0::http {

/// A part of a representation, both ends included.
struct byte_range {
    std::uint64_t first;
    std::uint64_t last;

    [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
    friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// What `Range` asks of a representation (RFC 9110, section 14.2).
class byte_ranges {
public:
    /// Most parts of one answer.
    static constexpr std::size_t most = 16;

    enum class outcome : std::uint8_t {
        whole,         ///< the field is to be ignored: 200
        parts,         ///< 206
        unsatisfiable, ///< there is nothing at these places: 416
    };

    /// Reads the value for a representation of `size` bytes. Another unit, a malformed value, more
    /// than `most` parts and parts that overlap, which are of use to attackers only, are ignored.
    byte_ranges(std::string_view value, std::uint64_t size) noexcept;

    [[nodiscard]] outcome what() const noexcept { return outcome_; }
    /// The parts that lie inside, in the order they were asked for; at least one of `parts`.
    [[nodiscard]] std::span<const byte_range> parts() const noexcept {
        return {parts_.data(), count_};
    }

private:
    [[nodiscard]] bool add(std::string_view text, std::uint64_t size) noexcept;

    outcome outcome_ = outcome::whole;
    std::size_t count_ = 0;
    std::array<byte_range, most> parts_;
};

} // namespace runnel::inline v0::http
