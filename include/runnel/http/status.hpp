// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace runnel::inline v0::http {

/// The status codes that this layer itself gives or looks at (RFC 9110, section 15). Any other
/// number from 100 to 999 is a status, too: `status(418)`.
enum class status : std::uint16_t {
    continue_ = 100,
    switching_protocols = 101,
    early_hints = 103,
    ok = 200,
    created = 201,
    accepted = 202,
    no_content = 204,
    partial_content = 206,
    moved_permanently = 301,
    found = 302,
    see_other = 303,
    not_modified = 304,
    temporary_redirect = 307,
    permanent_redirect = 308,
    bad_request = 400,
    unauthorized = 401,
    forbidden = 403,
    not_found = 404,
    method_not_allowed = 405,
    not_acceptable = 406,
    request_timeout = 408,
    conflict = 409,
    gone = 410,
    length_required = 411,
    precondition_failed = 412,
    content_too_large = 413,
    uri_too_long = 414,
    unsupported_media_type = 415,
    range_not_satisfiable = 416,
    expectation_failed = 417,
    misdirected_request = 421,
    unprocessable_content = 422,
    too_early = 425,
    upgrade_required = 426,
    too_many_requests = 429,
    header_fields_too_large = 431,
    internal_server_error = 500,
    not_implemented = 501,
    bad_gateway = 502,
    service_unavailable = 503,
    gateway_timeout = 504,
    version_not_supported = 505,
};

/// The number of a status.
[[nodiscard]] constexpr unsigned number(status code) noexcept {
    return static_cast<unsigned>(code);
}

/// Its words, as in "Not Found"; empty for a status without a name.
[[nodiscard]] std::string_view reason(status code) noexcept;

/// Whether it comes before the final answer (1xx).
[[nodiscard]] constexpr bool is_interim(status code) noexcept {
    return number(code) < 200;
}

/// Whether an answer with this status never has a body (RFC 9110, section 6.4.1).
[[nodiscard]] constexpr bool is_bodiless(status code) noexcept {
    return is_interim(code) || code == status::no_content || code == status::not_modified;
}

} // namespace runnel::inline v0::http
