// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/http/status.hpp"

#include <cstdint>
#include <system_error>

namespace runnel::inline v0::http {

/// Which rule of HTTP a message breaks, or which limit it exceeds. Each is an `errc` as well:
/// `limit_exceeded` for the limits, `not_supported` for what is correct and not known here, and
/// `protocol_error` for everything else.
enum class fault : std::uint8_t {
    /// The first line is no request line or status line (RFC 9112, sections 3 and 4).
    start_line = 1,
    /// The version is not HTTP/1.
    version,
    /// The first line is longer than the limit.
    long_start_line,
    /// The head, or the trailer section, is longer than the limit.
    long_head,
    /// There are more fields than the limit.
    many_fields,
    /// A field line is malformed (RFC 9112, section 5).
    field_line,
    /// The target is not of the form that the method takes (RFC 9112, section 3.2).
    target,
    /// The `Host` field is missing, repeated, malformed, or not the host of the target.
    host,
    /// `Content-Length` is not one decimal number, or too large (RFC 9112, section 6.3).
    length,
    /// `Transfer-Encoding` does not end with `chunked`, names it twice, is malformed, or comes
    /// where it must not.
    coding,
    /// `Transfer-Encoding` and `Content-Length` in one message.
    length_and_coding,
    /// A transfer coding that is not known here stands before `chunked`.
    unknown_coding,
    /// The chunked body is malformed (RFC 9112, section 7.1).
    chunk,
    /// The extensions of its chunks are longer than the limit.
    long_extension,
    /// An expectation other than `100-continue`.
    expectation,
    /// The body is longer than the limit.
    long_body,
    /// An answer switches protocols, or comes, without having been asked for.
    unexpected_answer,
};

/// The category of `fault`, named "http".
[[nodiscard]] const std::error_category& http_category() noexcept;
[[nodiscard]] std::error_code make_error_code(fault code) noexcept;

/// What a server answers to a request with this fault.
[[nodiscard]] status answer_to(fault code) noexcept;
/// The same for any error: the one of its fault; 408 for `timed_out`; otherwise 400.
[[nodiscard]] status answer_to(const error& what) noexcept;

/// Shorthand for returning a fault from a function that gives a `result`.
[[nodiscard]] inline std::unexpected<error> fail(fault code) {
    return runnel::fail(error(make_error_code(code)));
}

} // namespace runnel::inline v0::http

template <>
struct std::is_error_code_enum<runnel::http::fault> : std::true_type {};
