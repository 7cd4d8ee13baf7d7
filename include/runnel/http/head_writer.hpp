// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/status.hpp"

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::http {

/// How a head frames what follows it.
struct head_framing {
    /// `length`, `chunked`, `until_end` (the connection then does not stay open), or `none`: no
    /// body, and no word about it. A response says `Content-Length: 0` by a length of 0.
    body_framing body = {};
    /// Whether another message follows on the connection.
    bool keep_alive = true;
    /// Of the version of the peer: to keep a connection open has to be said to HTTP/1.0.
    unsigned peer_minor = 1;
    /// The protocol to change to, in `Upgrade`; empty: none.
    std::string_view upgrade = {};
    /// What `Date` of a response says; empty: no such field.
    std::string_view date = {};
    /// Requests only: waits for 100 before the body.
    bool expects_continue = false;
};
static_assert(std::is_trivially_destructible_v<head_framing>);

/// The head of a response, ready to be sent. Refuses, as `invalid_argument`, fields that were
/// refused, statuses outside of 100 to 999, and a body where the status has none.
[[nodiscard]] result<buffer> encode_head(status code, const field_block& fields,
                                         const head_framing& framing);

/// The head of a request. `authority` becomes `Host`. Refuses, as `invalid_argument`, what no
/// correct server would read as meant: a method that is no token, white space, control or other
/// than ASCII characters in the target, a malformed authority.
[[nodiscard]] result<buffer> encode_head(std::string_view method, std::string_view target,
                                         std::string_view authority, const field_block& fields,
                                         const head_framing& framing);

} // namespace runnel::inline v0::http
