// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

namespace runnel::inline v0 {

/// Takes everything up to the next of `stops`, and that one too, away from the front of `text`.
inline std::string_view take_until(std::string_view& text, std::string_view stops) noexcept {
    const std::size_t end = std::min(text.find_first_of(stops), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

/// Takes the next word between blanks away from the front of a line; empty when there is none left.
inline std::string_view take_word(std::string_view& line) noexcept {
    constexpr std::string_view blanks = " \t\r\v\f";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    return take_until(line, blanks);
}

} // namespace runnel::inline v0
