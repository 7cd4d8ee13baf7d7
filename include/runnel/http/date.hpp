// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// A moment in a field, as in "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
class date_text {
public:
    /// Moments outside of the years 1 to 9999 become the first or the last of these.
    explicit date_text(std::chrono::sys_seconds moment) noexcept;
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

private:
    std::array<char, 29> text_;
};

/// Reads a moment in this format or one of the two obsolete ones, of RFC 850 and of asctime. Years
/// of two digits are those from 1970 to 2069. Nothing for any other text, and for days that do not
/// exist or are of another weekday.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) noexcept;

} // namespace runnel::inline v0::http
