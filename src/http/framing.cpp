// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/framing.hpp"

#include "character.hpp"
#include "runnel/http/list.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace runnel::inline v0::http {
namespace {

/// The fields that decide about framing, gathered in one pass.
struct framing_fields {
    std::string_view host;
    std::string_view length;
    std::string_view expect;
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned codings = 0;
    unsigned expectations = 0;
    bool close = false;
    bool keep_alive = false;
    bool upgrade_option = false;
    bool upgrade = false;

    explicit framing_fields(const fields_view& fields) noexcept {
        for (const field each : fields) {
            note(each);
        }
    }

private:
    void note(const field& each) noexcept {
        switch (each.name.size()) {
        case 4:
            if (same_name(each.name, "host")) {
                host = each.value;
                ++hosts;
            }
            return;
        case 6:
            if (same_name(each.name, "expect")) {
                expect = each.value;
                ++expectations;
            }
            return;
        case 7:
            upgrade = upgrade || same_name(each.name, "upgrade");
            return;
        case 10:
            if (same_name(each.name, "connection")) {
                note_options(each.value);
            }
            return;
        case 14:
            if (same_name(each.name, "content-length")) {
                length = each.value;
                ++lengths;
            }
            return;
        case 17:
            codings += same_name(each.name, "transfer-encoding") ? 1 : 0;
            return;
        default:
            return;
        }
    }

    void note_options(std::string_view value) noexcept {
        list_reader list(value);
        for (std::string_view option; list.next(option);) {
            close = close || same_name(option, "close");
            keep_alive = keep_alive || same_name(option, "keep-alive");
            upgrade_option = upgrade_option || same_name(option, "upgrade");
        }
    }
};

/// The one number that `Content-Length` may be (RFC 9112, section 6.3).
std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (most - digit) / 10) {
            return std::nullopt;
        }
        value = value * 10 + digit;
    }
    return value;
}

/// Success if the codings are exactly `chunked`, which is all that is known here.
std::optional<fault> check_codings(const fields_view& fields) noexcept {
    bool unknown = false;
    bool chunked = false;
    for (const field each : fields) {
        if (!same_name(each.name, "transfer-encoding")) {
            continue;
        }
        for (std::string_view rest = each.value;;) {
            const std::size_t comma = rest.find(',');
            const std::string_view coding = trim(rest.substr(0, comma));
            if (!is_token(coding) || chunked) { // malformed, or behind what must be the last
                return fault::coding;
            }
            chunked = same_name(coding, "chunked");
            unknown = unknown || !chunked;
            if (comma == std::string_view::npos) {
                break;
            }
            rest.remove_prefix(comma + 1);
        }
    }
    if (!chunked) {
        return fault::coding;
    }
    return unknown ? std::optional(fault::unknown_coding) : std::nullopt;
}

/// The framing that the fields give; `otherwise` when they say nothing.
result<body_framing> frame(const framing_fields& seen, const fields_view& fields, unsigned minor,
                           body_kind otherwise) noexcept {
    if (seen.codings != 0) {
        if (seen.lengths != 0) {
            return fail(fault::length_and_coding);
        }
        if (minor == 0) {
            return fail(fault::coding);
        }
        if (const auto wrong = check_codings(fields)) {
            return fail(*wrong);
        }
        return body_framing{.kind = body_kind::chunked};
    }
    if (seen.lengths == 0) {
        return body_framing{.kind = otherwise};
    }
    const std::optional<std::uint64_t> length = parse_length(seen.length);
    if (seen.lengths > 1 || !length) {
        return fail(fault::length);
    }
    return body_framing{.kind = body_kind::length, .length = *length};
}

/// The authority of `scheme://authority/path`; nothing for any other form.
std::optional<std::string_view> authority_of(std::string_view target) noexcept {
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos || colon == 0 ||
        !std::ranges::all_of(target.substr(0, colon), [](char c) {
            return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '+' || c == '-' ||
                   c == '.';
        })) {
        return std::nullopt;
    }
    const std::string_view rest = target.substr(colon + 3);
    return rest.substr(0, rest.find_first_of("/?#"));
}

/// The authority that the target names, empty for none; or a fault, if it is not of the form that
/// the method takes (RFC 9112, section 3.2).
result<std::string_view> examine_target(const request_head& head) noexcept {
    const std::string_view target = head.target;
    if (target.find('#') != std::string_view::npos) {
        return fail(fault::target);
    }
    if (head.verb == method::connect) {
        if (!is_authority(target) || target.rfind(':') == std::string_view::npos ||
            target.back() == ':') {
            return fail(fault::target);
        }
        return target;
    }
    if (target.starts_with('/')) {
        return std::string_view();
    }
    if (target == "*") {
        return head.verb == method::options ? result<std::string_view>("") : fail(fault::target);
    }
    const std::optional<std::string_view> authority = authority_of(target);
    if (!authority || authority->empty() || !is_authority(*authority)) {
        return fail(fault::target);
    }
    return *authority;
}

result<std::string_view> examine_authority(const request_head& head,
                                           const framing_fields& seen) noexcept {
    const result<std::string_view> target = examine_target(head);
    if (!target) {
        return target;
    }
    if (seen.hosts > 1 || (seen.hosts == 0 && head.minor != 0) || !is_authority(seen.host)) {
        return fail(fault::host);
    }
    // The Host of a CONNECT may leave the port out.
    if (!target->empty() && seen.hosts != 0 && head.verb != method::connect &&
        !same_name(*target, seen.host)) {
        return fail(fault::host);
    }
    return target->empty() ? seen.host : *target;
}

bool stays_open(const framing_fields& seen, unsigned minor) noexcept {
    return !seen.close && (minor != 0 || seen.keep_alive);
}

bool is_port(std::string_view text) noexcept {
    unsigned port = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return false;
        }
        port = port * 10 + static_cast<unsigned>(c - '0');
        if (port > 65535) {
            return false;
        }
    }
    return true;
}

bool is_registered_name(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '%') {
            if (text.size() - at < 3 || hex_value(text[at + 1]) < 0 ||
                hex_value(text[at + 2]) < 0) {
                return false;
            }
            at += 2;
        } else if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z') &&
                   std::string_view("-._~!$&'()*+;=").find(c) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

} // namespace

bool is_authority(std::string_view text) noexcept {
    std::string_view host = text;
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) {
            return false;
        }
        host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        const bool address = !host.empty() && std::ranges::all_of(host, [](char c) {
            return hex_value(c) >= 0 || c == ':' || c == '.';
        });
        if (!address || (!port.empty() && port.front() != ':')) {
            return false;
        }
    } else {
        host = text.substr(0, text.find(':'));
        port = text.substr(host.size());
        if (!is_registered_name(host)) {
            return false;
        }
    }
    return port.empty() || is_port(port.substr(1));
}

result<request_rules> examine(const request_head& head) noexcept {
    const framing_fields seen(head.fields);
    const result<std::string_view> authority = examine_authority(head, seen);
    if (!authority) {
        return runnel::fail(authority.error());
    }
    const result<body_framing> body = frame(seen, head.fields, head.minor, body_kind::none);
    if (!body) {
        return runnel::fail(body.error());
    }
    request_rules rules{.body = *body,
                        .authority = *authority,
                        .keep_alive = stays_open(seen, head.minor),
                        .upgrade = head.minor != 0 && seen.upgrade && seen.upgrade_option};
    if (seen.expectations != 0 && head.minor != 0) {
        if (seen.expectations > 1 || !same_name(seen.expect, "100-continue")) {
            return fail(fault::expectation);
        }
        rules.expects_continue =
            body->kind == body_kind::chunked || (body->kind == body_kind::length && body->length);
    }
    return rules;
}

result<response_rules> examine(const response_head& head, method asked) noexcept {
    const framing_fields seen(head.fields);
    response_rules rules{.body = {}, .keep_alive = stays_open(seen, head.minor)};
    if (head.code == status::switching_protocols ||
        (asked == method::connect && number(head.code) / 100 == 2)) {
        rules.body.kind = body_kind::tunnel;
        return rules;
    }
    if (is_bodiless(head.code)) {
        return rules;
    }
    const result<body_framing> body = frame(seen, head.fields, head.minor, body_kind::until_end);
    if (!body) {
        return runnel::fail(body.error());
    }
    if (asked != method::head) {
        rules.body = *body;
        rules.keep_alive = rules.keep_alive && body->kind != body_kind::until_end;
    }
    return rules;
}

} // namespace runnel::inline v0::http
