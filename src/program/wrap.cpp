// SPDX-License-Identifier: Apache-2.0
#include "wrap.hpp"

#include <algorithm>

namespace runnel::inline v0::program {

std::size_t columns(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string wrap(std::string_view text, std::size_t indent, std::size_t width,
                 std::string_view first) {
    std::string out(first);
    std::size_t column = columns(first);
    if (column != 0 && column + 2 > indent) {
        out += '\n';
        column = 0;
    }
    out.append(indent - std::min(indent, column), ' ');
    column = indent;
    bool line_is_empty = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) {
            continue;
        }
        if (!line_is_empty && column + 1 + columns(word) > width) {
            out += '\n';
            out.append(indent, ' ');
            column = indent;
            line_is_empty = true;
        }
        if (!line_is_empty) {
            out += ' ';
            ++column;
        }
        out += word;
        column += columns(word);
        line_is_empty = false;
    }
    out += '\n';
    return out;
}

} // namespace runnel::inline v0::program
