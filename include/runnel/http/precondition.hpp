// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/http/entity_tag.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/method.hpp"

#include <chrono>
#include <cstdint>

namespace runnel::inline v0::http {

/// Which version of a resource is there.
struct validators {
    entity_tag tag;
    std::chrono::sys_seconds modified;
};

enum class precondition : std::uint8_t {
    holds,        ///< the request is to be done
    not_modified, ///< 304
    failed,       ///< 412
};

/// Applies `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since`, in this
/// order (RFC 9110, section 13.2.2). Dates that are malformed count as if they were not there.
[[nodiscard]] precondition evaluate(const fields_view& fields, method asked,
                                    const validators& current) noexcept;

/// Whether `Range` counts: there is no `If-Range`, or it names exactly this version
/// (RFC 9110, section 13.1.5).
[[nodiscard]] bool range_counts(const fields_view& fields, const validators& current) noexcept;

} // namespace runnel::inline v0::http
