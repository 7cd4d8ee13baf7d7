// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/list.hpp"

#include "character.hpp"

namespace runnel::inline v0::http {
namespace {

/// Where the element that begins the text ends: at a comma or the end.
std::size_t element_size(std::string_view text) noexcept {
    bool quoted = false;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '"') {
            quoted = !quoted;
        } else if (quoted && c == '\\') {
            ++at;
        } else if (!quoted && c == ',') {
            return at;
        }
    }
    return text.size();
}

} // namespace

bool list_reader::next(std::string_view& element) noexcept {
    while (!rest_.empty()) {
        const std::size_t size = element_size(rest_);
        element = trim(rest_.substr(0, size));
        rest_.remove_prefix(size == rest_.size() ? size : size + 1);
        if (!element.empty()) {
            return true;
        }
    }
    return false;
}

bool lists(const fields_view& fields, std::string_view name, std::string_view token) noexcept {
    for (const field each : fields) {
        if (!same_name(each.name, name)) {
            continue;
        }
        list_reader list(each.value);
        for (std::string_view element; list.next(element);) {
            if (same_name(element, token)) {
                return true;
            }
        }
    }
    return false;
}

} // namespace runnel::inline v0::http
