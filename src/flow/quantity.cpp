// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/quantity.hpp"

#include "quote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace runnel::inline v0 {
namespace {

using std::chrono::nanoseconds;

struct unit {
    std::string_view name;
    std::uint64_t size;
};

constexpr std::array<unit, 14> byte_units{{
    {"", 1},
    {"b", 1},
    {"k", 1ULL << 10U},
    {"kib", 1ULL << 10U},
    {"kb", 1'000},
    {"m", 1ULL << 20U},
    {"mib", 1ULL << 20U},
    {"mb", 1'000'000},
    {"g", 1ULL << 30U},
    {"gib", 1ULL << 30U},
    {"gb", 1'000'000'000},
    {"t", 1ULL << 40U},
    {"tib", 1ULL << 40U},
    {"tb", 1'000'000'000'000},
}};

/// Largest first: the order in which a duration names them.
constexpr std::array<unit, 7> time_units{{
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
}};

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view lower_case) noexcept {
    return std::ranges::equal(a, lower_case, {}, lower);
}

/// Takes the longest prefix of `text` whose characters satisfy `belongs` away from it.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate belongs) noexcept {
    const auto end = std::ranges::find_if_not(text, belongs);
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

/// The value of a run of digits; nothing when there are none or the value does not fit.
std::optional<std::uint64_t> value_of(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(digits.begin(), digits.end(), value);
    if (problem != std::errc() || end != digits.end()) {
        return std::nullopt;
    }
    return value;
}

/// `value * unit`, unless it is above `limit`.
std::optional<std::uint64_t> scaled(std::uint64_t value, std::uint64_t unit,
                                    std::uint64_t limit) noexcept {
    if (value > limit / unit) {
        return std::nullopt;
    }
    return value * unit;
}

/// `0.digits * unit` in whole nanoseconds, rounded down.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t unit) noexcept {
    std::uint64_t sum = 0;
    for (const char c : digits) {
        unit /= 10; // Exact as long as the unit ends in zeros: down to the last two places.
        sum += static_cast<std::uint64_t>(c - '0') * unit;
    }
    return sum;
}

enum class duration_fault : std::uint8_t { malformed, no_unit, too_long };

std::expected<std::uint64_t, duration_fault> sum_of_parts(std::string_view text) noexcept {
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t sum = 0;
    auto next_unit = time_units.begin();
    while (!text.empty()) {
        const std::string_view digits = take_while(text, is_digit);
        std::string_view fraction;
        if (text.starts_with('.')) {
            text.remove_prefix(1);
            fraction = take_while(text, is_digit);
            if (fraction.empty()) {
                return std::unexpected(duration_fault::malformed);
            }
        }
        const std::string_view name =
            take_while(text, [](char c) { return !is_digit(c) && c != '.'; });
        if (digits.empty()) {
            return std::unexpected(duration_fault::malformed);
        }
        if (name.empty()) {
            return std::unexpected(duration_fault::no_unit);
        }
        const auto* found = std::find_if(next_unit, time_units.end(),
                                         [&](const unit& u) { return u.name == name; });
        if (found == time_units.end()) {
            return std::unexpected(duration_fault::malformed);
        }
        next_unit = found + 1;
        const auto value = value_of(digits);
        const auto part = value ? scaled(*value, found->size, limit - sum) : std::nullopt;
        const std::uint64_t rest = fraction_of(fraction, found->size);
        if (!part || rest > limit - sum - *part) {
            return std::unexpected(duration_fault::too_long);
        }
        sum += *part + rest;
    }
    return sum;
}

} // namespace

result<std::uint64_t> parse_integer(std::string_view text) {
    if (text.empty() || !std::ranges::all_of(text, is_digit)) {
        return fail(errc::invalid_argument,
                    fmt::format("expected a whole number, got {}", quote(text)));
    }
    const auto value = value_of(text);
    if (!value) {
        return fail(errc::invalid_argument, fmt::format("the number {} is too large", quote(text)));
    }
    return *value;
}

result<std::uint64_t> parse_bytes(std::string_view text) {
    std::string_view suffix = text;
    const std::string_view digits = take_while(suffix, is_digit);
    const auto* found = std::ranges::find_if(
        byte_units, [&](const unit& u) { return equal_ignoring_case(suffix, u.name); });
    if (digits.empty() || found == byte_units.end()) {
        return fail(
            errc::invalid_argument,
            fmt::format("expected a size such as 65536, 64KiB or 10MB, got {}", quote(text)));
    }
    const auto value = value_of(digits);
    const auto bytes =
        value ? scaled(*value, found->size, std::numeric_limits<std::uint64_t>::max()) : value;
    if (!bytes) {
        return fail(errc::invalid_argument, fmt::format("the size {} is too large", quote(text)));
    }
    return *bytes;
}

result<nanoseconds> parse_duration(std::string_view text) {
    if (text == "0") {
        return nanoseconds(0);
    }
    const auto sum = text.empty() ? std::unexpected(duration_fault::malformed) : sum_of_parts(text);
    if (sum) {
        return nanoseconds(static_cast<std::int64_t>(*sum));
    }
    switch (sum.error()) {
    case duration_fault::no_unit:
        return fail(
            errc::invalid_argument,
            fmt::format("the duration {} needs a unit: d, h, m, s, ms, us or ns", quote(text)));
    case duration_fault::too_long:
        return fail(errc::invalid_argument,
                    fmt::format("the duration {} is too long", quote(text)));
    case duration_fault::malformed:
        break;
    }
    return fail(
        errc::invalid_argument,
        fmt::format("expected a duration such as 10s, 250ms or 1m30s, got {}", quote(text)));
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> names{"", "KiB", "MiB", "GiB", "TiB"};
    std::size_t step = 0;
    while (bytes != 0 && bytes % 1024 == 0 && step + 1 < names.size()) {
        bytes /= 1024;
        ++step;
    }
    return fmt::format("{}{}", bytes, names[step]);
}

std::string format_duration(nanoseconds duration) {
    // The magnitude of the smallest value does not fit the signed type.
    const auto count = static_cast<std::uint64_t>(duration.count());
    std::uint64_t left = duration.count() < 0 ? 0 - count : count;
    std::string text = duration.count() < 0 ? "-" : "";
    if (left == 0) {
        return "0s";
    }
    for (const auto& [name, size] : time_units) {
        if (left >= size) {
            text += fmt::format("{}{}", left / size, name);
            left %= size;
        }
    }
    return text;
}

} // namespace runnel::inline v0
