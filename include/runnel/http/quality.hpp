// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/http/field.hpp"
#include "runnel/http/list.hpp"

#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// An element of `Accept` and the fields like it: what is meant, and how much it is wanted.
struct weighted {
    std::string_view what;   ///< with its own parameters, if any
    unsigned quality = 1000; ///< thousandths; 0: not acceptable
};

/// Reads an element: the parameter `q` is taken off. Nothing if that is malformed
/// (RFC 9110, section 12.4.2).
[[nodiscard]] std::optional<weighted> parse_weighted(std::string_view element) noexcept;

/// How much a token is wanted by the fields of this name, in thousandths: what its own element
/// says, otherwise that of `*`; 0 if neither is there. Malformed elements count for nothing. For
/// `Accept-Encoding` and others whose elements are tokens.
[[nodiscard]] unsigned quality_of(const fields_view& fields, std::string_view name,
                                  std::string_view token) noexcept;

} // namespace runnel::inline v0::http
