// SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace runnel::inline v0::program {
namespace {

unsigned byte_at(std::string_view text, std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
}

/// The length of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0
/// if there is none.
std::size_t utf8_length(std::string_view text) {
    const unsigned first = byte_at(text, 0);
    const unsigned second = byte_at(text, 1);
    const auto continues = [&](std::size_t index) {
        return (byte_at(text, index) & 0xc0U) == 0x80U;
    };
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return continues(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned least = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned most = first == 0xed ? 0x9f : 0xbf;
        return second >= least && second <= most && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned least = first == 0xf0 ? 0x90 : 0x80;
        const unsigned most = first == 0xf4 ? 0x8f : 0xbf;
        return second >= least && second <= most && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

std::string escape_ascii(char c) {
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f ? fmt::format("\\u{:04x}", byte) : std::string(1, c);
}

} // namespace

std::string json_quote(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xef\xbf\xbd";
        } else if (length == 1) {
            out += escape_ascii(text.front());
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out + '"';
}

json_writer& json_writer::begin(char open, char close) {
    before_value();
    text_ += open;
    open_ += close;
    is_first_ = true;
    return *this;
}

json_writer& json_writer::end() {
    const char close = open_.back();
    open_.pop_back();
    if (!is_first_) {
        new_line();
    }
    text_ += close;
    is_first_ = false;
    return *this;
}

json_writer& json_writer::key(std::string_view name) {
    before_value();
    text_ += json_quote(name) + ": ";
    after_key_ = true;
    return *this;
}

json_writer& json_writer::value(std::string_view text) {
    return raw(json_quote(text));
}

json_writer& json_writer::value(double number) {
    return std::isfinite(number) ? raw(fmt::format("{}", number)) : null();
}

json_writer& json_writer::raw(std::string_view text) {
    before_value();
    text_ += text;
    return *this;
}

void json_writer::before_value() {
    if (std::exchange(after_key_, false)) {
        return;
    }
    if (!std::exchange(is_first_, false)) {
        text_ += ',';
    }
    if (!open_.empty()) {
        new_line();
    }
}

void json_writer::new_line() {
    text_ += '\n';
    text_.append(2 * open_.size(), ' ');
}

std::string json_writer::take() {
    text_ += '\n';
    return std::exchange(text_, {});
}

} // namespace runnel::inline v0::program
