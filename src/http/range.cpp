// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/range.hpp"

#include "character.hpp"
#include "runnel/http/field.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace runnel::inline v0::http {
namespace {

/// A decimal number; one that is too large counts as the largest, which is behind every end.
std::optional<std::uint64_t> parse_place(std::string_view text) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        value = value > (most - digit) / 10 ? most : value * 10 + digit;
    }
    return value;
}

} // namespace

byte_ranges::byte_ranges(std::string_view value, std::uint64_t size) noexcept : parts_{} {
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos || !same_name(value.substr(0, equals), "bytes")) {
        return;
    }
    for (std::string_view rest = value.substr(equals + 1);;) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        if (!add(trim(rest.substr(0, comma)), size)) {
            count_ = 0;
            return;
        }
        if (comma == rest.size()) {
            break;
        }
        rest.remove_prefix(comma + 1);
    }
    outcome_ = count_ != 0 ? outcome::parts : outcome::unsatisfiable;
}

/// Adds what lies inside. False: all of the field is to be ignored.
bool byte_ranges::add(std::string_view text, std::uint64_t size) noexcept {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        return false;
    }
    byte_range part{};
    if (dash == 0) { // so many at the end
        const auto suffix = parse_place(text.substr(1));
        if (!suffix) {
            return false;
        }
        if (*suffix == 0 || size == 0) {
            return true;
        }
        part = {.first = size - std::min(*suffix, size), .last = size - 1};
    } else {
        const auto first = parse_place(text.substr(0, dash));
        const bool open = dash + 1 == text.size();
        const auto last =
            open ? std::numeric_limits<std::uint64_t>::max() : parse_place(text.substr(dash + 1));
        if (!first || !last || *last < *first) {
            return false;
        }
        if (*first >= size) {
            return true;
        }
        part = {.first = *first, .last = std::min(*last, size - 1)};
    }
    const bool overlaps = std::ranges::any_of(parts(), [&](const byte_range& other) {
        return part.first <= other.last && other.first <= part.last;
    });
    if (overlaps || count_ == most) {
        return false;
    }
    parts_[count_++] = part;
    return true;
}

} // namespace runnel::inline v0::http
