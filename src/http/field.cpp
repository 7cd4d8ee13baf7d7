// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/field.hpp"

#include "character.hpp"

#include <algorithm>

namespace runnel::inline v0::http {

bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::none_of(text, [](char c) { return has(c, is_delimiter); });
}

bool is_field_value(std::string_view text) noexcept {
    if (!text.empty() && (is_space(text.front()) || is_space(text.back()))) {
        return false;
    }
    return std::ranges::none_of(text, [](char c) { return has(c, is_control); });
}

std::optional<std::string_view> fields_view::find(std::string_view name) const noexcept {
    for (const field each : *this) {
        if (same_name(each.name, name)) {
            return each.value;
        }
    }
    return std::nullopt;
}

std::size_t fields_view::count(std::string_view name) const noexcept {
    std::size_t found = 0;
    for (const field each : *this) {
        found += same_name(each.name, name) ? 1U : 0U;
    }
    return found;
}

} // namespace runnel::inline v0::http
