// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/entity_tag.hpp"

#include "character.hpp"

#include <algorithm>
#include <cstddef>

namespace runnel::inline v0::http {
namespace {

/// Takes a tag off the front of a text.
std::optional<entity_tag> take_tag(std::string_view& text) noexcept {
    std::string_view rest = text;
    const bool weak = rest.starts_with("W/");
    rest.remove_prefix(weak ? 2 : 0);
    if (!rest.starts_with('"')) {
        return std::nullopt;
    }
    const std::size_t end = rest.find('"', 1);
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view opaque = rest.substr(1, end - 1);
    const bool printable =
        std::ranges::none_of(opaque, [](char c) { return has(c, is_control) || is_space(c); });
    if (!printable) {
        return std::nullopt;
    }
    text = rest.substr(end + 1);
    return entity_tag{.opaque = opaque, .weak = weak};
}

/// Whether a list of tags is well-formed and one of them equals `current`. A backslash escapes
/// nothing in a tag, so this is no list like others.
template <class Equal>
bool names(std::string_view value, const entity_tag& current, Equal equal) noexcept {
    if (trim(value) == "*") {
        return true;
    }
    bool found = false;
    for (std::string_view rest = trim(value);;) {
        const std::optional<entity_tag> tag = take_tag(rest);
        if (!tag) {
            return false;
        }
        found = found || equal(*tag, current);
        rest = trim(rest);
        if (rest.empty()) {
            return found;
        }
        if (rest.front() != ',') {
            return false;
        }
        rest = trim(rest.substr(1));
    }
}

} // namespace

std::optional<entity_tag> parse_entity_tag(std::string_view text) noexcept {
    const std::optional<entity_tag> tag = take_tag(text);
    return text.empty() ? tag : std::nullopt;
}

bool strongly_equal(const entity_tag& a, const entity_tag& b) noexcept {
    return !a.weak && !b.weak && a.opaque == b.opaque;
}

bool weakly_equal(const entity_tag& a, const entity_tag& b) noexcept {
    return a.opaque == b.opaque;
}

bool if_match_holds(std::string_view value, const entity_tag& current) noexcept {
    return names(value, current, strongly_equal);
}

bool if_none_match_names(std::string_view value, const entity_tag& current) noexcept {
    return names(value, current, weakly_equal);
}

} // namespace runnel::inline v0::http
