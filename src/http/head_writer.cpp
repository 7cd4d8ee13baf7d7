// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/head_writer.hpp"

#include "character.hpp"
#include "runnel/http/field.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <string>

namespace runnel::inline v0::http {
namespace {

/// A number as decimal text.
class decimal {
public:
    explicit decimal(std::uint64_t value) noexcept
        : size_(static_cast<std::size_t>(
              std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
              digits_.data())) {}
    [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

private:
    std::array<char, 20> digits_{};
    std::size_t size_;
};

buffer join(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    buffer whole = buffer::allocate(size);
    auto* to = reinterpret_cast<char*>(whole.writable().data());
    for (const std::string_view part : parts) {
        to = std::copy(part.begin(), part.end(), to);
    }
    return whole;
}

std::string_view length_prefix(const body_framing& body) noexcept {
    switch (body.kind) {
    case body_kind::length:
        return "Content-Length: ";
    case body_kind::chunked:
        return "Transfer-Encoding: chunked\r\n";
    default:
        return "";
    }
}

std::string_view connection_line(const head_framing& framing) noexcept {
    if (!framing.upgrade.empty()) {
        return "Connection: upgrade\r\nUpgrade: ";
    }
    if (!framing.keep_alive) {
        return "Connection: close\r\n";
    }
    return framing.peer_minor == 0 ? "Connection: keep-alive\r\n" : "";
}

/// What both kinds of head refuse.
result<void> check_common(const field_block& fields, const head_framing& framing) {
    if (fields.failure()) {
        return fail(*fields.failure());
    }
    if (!framing.upgrade.empty() && !is_field_value(framing.upgrade)) {
        return fail(errc::invalid_argument, "a protocol that cannot be named in Upgrade");
    }
    return {};
}

bool is_target(std::string_view target) noexcept {
    return !target.empty() &&
           std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

} // namespace

result<buffer> encode_head(status code, const field_block& fields, const head_framing& framing) {
    if (auto good = check_common(fields, framing); !good) {
        return fail(std::move(good.error()));
    }
    const bool frames =
        framing.body.kind == body_kind::length || framing.body.kind == body_kind::chunked;
    // A 304 may say how long the body would be.
    if (number(code) < 100 || number(code) > 999 ||
        (frames && is_bodiless(code) && code != status::not_modified) ||
        (framing.body.kind == body_kind::chunked && framing.peer_minor == 0)) {
        return fail(errc::invalid_argument, "a response of status " + std::to_string(number(code)) +
                                                " cannot be sent like this");
    }
    const bool counted = framing.body.kind == body_kind::length;
    const decimal length(framing.body.length);
    return join({"HTTP/1.1 ", decimal(number(code)).text(), " ", reason(code), "\r\n",
                 framing.date.empty() ? "" : "Date: ", framing.date,
                 framing.date.empty() ? "" : "\r\n", fields.text(), length_prefix(framing.body),
                 counted ? length.text() : "", counted ? "\r\n" : "",
                 is_interim(code) && framing.upgrade.empty() ? "" : connection_line(framing),
                 framing.upgrade, framing.upgrade.empty() ? "" : "\r\n", "\r\n"});
}

result<buffer> encode_head(std::string_view method, std::string_view target,
                           std::string_view authority, const field_block& fields,
                           const head_framing& framing) {
    if (auto good = check_common(fields, framing); !good) {
        return fail(std::move(good.error()));
    }
    if (!is_token(method) || !is_target(target) || !is_authority(authority) ||
        framing.body.kind == body_kind::until_end) {
        return fail(errc::invalid_argument, "a request that cannot be sent");
    }
    const bool counted = framing.body.kind == body_kind::length;
    const decimal length(framing.body.length);
    return join({method, " ", target, " HTTP/1.1\r\nHost: ", authority, "\r\n", fields.text(),
                 length_prefix(framing.body), counted ? length.text() : "", counted ? "\r\n" : "",
                 framing.expects_continue ? "Expect: 100-continue\r\n" : "",
                 connection_line(framing), framing.upgrade, framing.upgrade.empty() ? "" : "\r\n",
                 "\r\n"});
}

} // namespace runnel::inline v0::http
