// SPDX-License-Identifier: Apache-2.0
#pragma once

// Parsing a text in one call, in two at every place, and byte by byte: always the same comes out.

#include "runnel/core/error.hpp"
#include "runnel/http/chunked.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/head_parser.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::http {

/// The bytes alone in memory of their own, so that a sanitizer sees every look beyond them.
class exact_bytes {
public:
    explicit exact_bytes(std::string_view text) : copy_(text.begin(), text.end()) {
        copy_.shrink_to_fit();
    }
    [[nodiscard]] std::span<const std::byte> span() const {
        return std::as_bytes(std::span(copy_));
    }

private:
    std::vector<char> copy_;
};

inline std::string describe(const error& what) {
    return "<" + what.code().message() + ">";
}

inline std::string describe(const head_parser& parser, head_parser::kind kind) {
    std::string text;
    if (kind == head_parser::kind::request) {
        const request_head head = parser.request();
        text = std::string(head.method_name) + "|" + std::string(head.target) + "|" +
               std::to_string(head.minor);
    } else if (kind == head_parser::kind::response) {
        const response_head head = parser.response();
        text = std::to_string(number(head.code)) + "|" + std::string(head.reason) + "|" +
               std::to_string(head.minor);
    }
    for (const field each : parser.fields()) {
        text += "|" + std::string(each.name) + "=" + std::string(each.value);
    }
    return text + "|" + std::to_string(parser.size());
}

/// Feeds the parser up to each of the `ends`, and says what came of it.
inline std::string parse_in_steps(std::string_view text, const std::vector<std::size_t>& ends,
                                  head_parser::kind kind, head_limits limits) {
    head_parser parser(kind, limits);
    for (const std::size_t end : ends) {
        const exact_bytes bytes(text.substr(0, end));
        const result<bool> whole = parser.parse(bytes.span());
        if (!whole) {
            return describe(whole.error());
        }
        if (*whole) {
            return describe(parser, kind);
        }
    }
    return "more";
}

/// What comes of a text, the same in whatever pieces it arrives.
inline std::string parse_head(std::string_view text,
                              head_parser::kind kind = head_parser::kind::request,
                              head_limits limits = {}) {
    const std::string at_once = parse_in_steps(text, {text.size()}, kind, limits);
    std::vector<std::size_t> each_byte;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        each_byte.push_back(cut);
        if (text.size() < 300) {
            EXPECT_EQ(parse_in_steps(text, {cut, text.size()}, kind, limits), at_once)
                << "cut at " << cut << ": " << text;
        }
    }
    EXPECT_EQ(parse_in_steps(text, each_byte, kind, limits), at_once) << text;
    return at_once;
}

/// The status of the answer to a request; 200 if there is nothing wrong with its head.
inline unsigned answer_to_head(std::string_view text, head_limits limits = {}) {
    head_parser parser(head_parser::kind::request, limits);
    static_cast<void>(parse_head(text, head_parser::kind::request, limits));
    const exact_bytes bytes(text);
    const result<bool> whole = parser.parse(bytes.span());
    if (!whole) {
        return number(answer_to(whole.error()));
    }
    if (!*whole) {
        return 0;
    }
    const result<request_rules> rules = examine(parser.request());
    return rules ? 200 : number(answer_to(rules.error()));
}

} // namespace runnel::http
