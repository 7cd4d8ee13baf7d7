// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace runnel::inline v0::http {

/// The methods of RFC 9110, section 9, and RFC 5789; `other` for every other token.
enum class method : std::uint8_t {
    get,
    head,
    post,
    put,
    delete_,
    connect,
    options,
    trace,
    patch,
    other
};

/// The method of a name. Upper and lower case differ.
[[nodiscard]] method method_of(std::string_view name) noexcept;

/// The name of a method; empty for `other`.
[[nodiscard]] std::string_view name_of(method what) noexcept;

/// Whether the method asks for no change, so that it may be repeated and sent early
/// (RFC 9110, section 9.2.1).
[[nodiscard]] constexpr bool is_safe(method what) noexcept {
    return what == method::get || what == method::head || what == method::options ||
           what == method::trace;
}

/// Whether to repeat it is the same as to do it once (RFC 9110, section 9.2.2).
[[nodiscard]] constexpr bool is_idempotent(method what) noexcept {
    return is_safe(what) || what == method::put || what == method::delete_;
}

} // namespace runnel::inline v0::http
