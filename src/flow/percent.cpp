// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/percent.hpp"

namespace runnel::inline v0 {
namespace {

/// -1 for what is no hexadecimal digit.
constexpr int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

} // namespace

std::expected<std::string, std::size_t> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? digit_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? digit_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::unexpected(i);
        }
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

std::string percent_encode(std::string_view text, std::string_view reserved) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '%' || byte < 0x20 || byte == 0x7F || reserved.find(c) != std::string_view::npos) {
            encoded += '%';
            encoded += digits[byte >> 4U];
            encoded += digits[byte & 0xFU];
        } else {
            encoded += c;
        }
    }
    return encoded;
}

} // namespace runnel::inline v0
