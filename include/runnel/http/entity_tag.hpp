// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// Which version of a representation it is: `"abc"` or `W/"abc"` (RFC 9110, section 8.8.3).
struct entity_tag {
    std::string_view opaque; ///< between the quotes
    bool weak = false;       ///< equal in meaning, not to the byte

    friend bool operator==(const entity_tag&, const entity_tag&) = default;
};

/// Reads one tag, all of the text.
[[nodiscard]] std::optional<entity_tag> parse_entity_tag(std::string_view text) noexcept;

/// How `If-Match` and `If-Range` compare: to the byte, so weak ones equal nothing.
[[nodiscard]] bool strongly_equal(const entity_tag& a, const entity_tag& b) noexcept;
/// How `If-None-Match` compares.
[[nodiscard]] bool weakly_equal(const entity_tag& a, const entity_tag& b) noexcept;

/// Whether the value of `If-Match` names the tag, or is `*`. False for a malformed value, so that
/// nothing is overwritten.
[[nodiscard]] bool if_match_holds(std::string_view value, const entity_tag& current) noexcept;
/// Whether the value of `If-None-Match` names the tag, or is `*`: then there is nothing new. False
/// for a malformed value, so that the representation is sent.
[[nodiscard]] bool if_none_match_names(std::string_view value, const entity_tag& current) noexcept;

} // namespace runnel::inline v0::http
