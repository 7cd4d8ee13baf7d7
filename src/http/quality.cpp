// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/quality.hpp"

#include "character.hpp"

#include <cstddef>

namespace runnel::inline v0::http {
namespace {

/// 0 to 1 with at most three decimals, in thousandths.
std::optional<unsigned> parse_quality(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text.front() != '0' && text.front() != '1') ||
        (text.size() > 1 && text[1] != '.')) {
        return std::nullopt;
    }
    unsigned value = static_cast<unsigned>(text.front() - '0');
    for (std::size_t at = 2; at < 5; ++at) {
        const char digit = at < text.size() ? text[at] : '0';
        if (!is_digit(digit)) {
            return std::nullopt;
        }
        value = value * 10 + static_cast<unsigned>(digit - '0');
    }
    return value <= 1000 ? std::optional(value) : std::nullopt;
}

/// Where the parameter that follows begins: at a semicolon outside of quotes, or the end.
std::size_t find_semicolon(std::string_view text, std::size_t from) noexcept {
    bool quoted = false;
    for (std::size_t at = from; at < text.size(); ++at) {
        if (text[at] == '"') {
            quoted = !quoted;
        } else if (quoted && text[at] == '\\') {
            ++at;
        } else if (!quoted && text[at] == ';') {
            return at;
        }
    }
    return text.size();
}

} // namespace

std::optional<weighted> parse_weighted(std::string_view element) noexcept {
    for (std::size_t at = find_semicolon(element, 0); at < element.size();) {
        const std::size_t end = find_semicolon(element, at + 1);
        const std::string_view parameter = trim(element.substr(at + 1, end - at - 1));
        if (parameter.size() > 1 && lower(parameter[0]) == 'q' && parameter[1] == '=') {
            const std::optional<unsigned> quality = parse_quality(parameter.substr(2));
            if (!quality) {
                return std::nullopt;
            }
            return weighted{.what = trim(element.substr(0, at)), .quality = *quality};
        }
        at = end;
    }
    return weighted{.what = trim(element)};
}

unsigned quality_of(const fields_view& fields, std::string_view name,
                    std::string_view token) noexcept {
    std::optional<unsigned> own;
    unsigned others = 0;
    for (const field each : fields) {
        if (!same_name(each.name, name)) {
            continue;
        }
        list_reader list(each.value);
        for (std::string_view element; list.next(element);) {
            const std::optional<weighted> wanted = parse_weighted(element);
            if (wanted && same_name(wanted->what, token)) {
                own = own.value_or(wanted->quality);
            } else if (wanted && wanted->what == "*") {
                others = wanted->quality;
            }
        }
    }
    return own.value_or(others);
}

} // namespace runnel::inline v0::http
