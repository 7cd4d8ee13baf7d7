// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace runnel::inline v0::http {

/// What a byte is in a head, as bits.
enum character : std::uint8_t {
    /// Ends a field value: a control character other than a tab.
    is_control = 1,
    /// Ends a token: anything that is no `tchar` (RFC 9110, section 5.6.2).
    is_delimiter = 2,
};

inline constexpr std::array<std::uint8_t, 256> characters = [] {
    std::array<std::uint8_t, 256> table{};
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool token = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || marks.find(c) != std::string_view::npos;
        const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
        table[byte] =
            static_cast<std::uint8_t>((control ? is_control : 0) | (token ? 0 : is_delimiter));
    }
    return table;
}();

[[nodiscard]] constexpr bool has(char c, character what) noexcept {
    return (characters[static_cast<unsigned char>(c)] & what) != 0;
}

[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\t';
}

/// The value of a hexadecimal digit; -1 for anything else.
[[nodiscard]] constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) {
        return c - '0';
    }
    const char small = lower(c);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The text without white space around it.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

} // namespace runnel::inline v0::http
