// SPDX-License-Identifier: Apache-2.0
#include "quote.hpp"

#include <fmt/format.h>

namespace runnel::inline v0 {
namespace {

constexpr bool continues_character(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string_view cut(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) {
        return text;
    }
    while (limit > 0 && continues_character(text[limit])) {
        --limit;
    }
    return text.substr(0, limit);
}

} // namespace

std::string quote(std::string_view text, std::size_t limit, char mark) {
    const std::string_view shown = cut(text, limit);
    std::string quoted(1, mark);
    for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == mark || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (byte < 0x20 || byte == 0x7F) {
            quoted += fmt::format("\\x{:02x}", byte);
        } else {
            quoted += c;
        }
    }
    if (shown.size() < text.size()) {
        quoted += "…";
    }
    return quoted += mark;
}

} // namespace runnel::inline v0
