// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/http/head_parser.hpp"

#include <cstdint>
#include <string_view>

namespace runnel::inline v0::http {

/// How the end of a body is found (RFC 9112, section 6).
enum class body_kind : std::uint8_t {
    none,
    length,  ///< so many bytes
    chunked, ///< `chunked_decoder` finds it
    /// The end of the flow. Only a clean one: anything else is a body that was cut.
    until_end,
    /// No message follows any more: the flow is a tunnel, or another protocol's.
    tunnel,
};

struct body_framing {
    body_kind kind = body_kind::none;
    std::uint64_t length = 0; ///< for `length`, at most 2^63 - 1
};

/// What the head of a request says about the connection and the body, all of it checked.
struct request_rules {
    body_framing body;
    /// The host and port that the request is for, from the target or `Host`; empty if none.
    std::string_view authority;
    bool keep_alive = false;
    bool expects_continue = false;
    bool upgrade = false; ///< asks for another protocol, named in `Upgrade`
};

/// Applies the rules of RFC 9112, sections 3.2, 6, 7 and 9.3, and RFC 9110, section 10.1.1. What
/// they allow in two ways is refused, since two readers may take it differently:
/// `Transfer-Encoding` with `Content-Length` or in HTTP/1.0, repeated lengths even when equal, a
/// `Host` other than the target's.
[[nodiscard]] result<request_rules> examine(const request_head& head) noexcept;

/// The same for a response.
struct response_rules {
    body_framing body;
    bool keep_alive = false;
};

/// `asked` is the method of the request that is answered: it decides whether there is a body.
[[nodiscard]] result<response_rules> examine(const response_head& head, method asked) noexcept;

/// Whether `text` is `host [":" port]` as in `Host` (RFC 9110, section 7.2). Without commas, user
/// names and anything else that two readers may understand differently.
[[nodiscard]] bool is_authority(std::string_view text) noexcept;

} // namespace runnel::inline v0::http
