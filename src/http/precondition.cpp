// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/precondition.hpp"

#include "runnel/http/date.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace runnel::inline v0::http {
namespace {

using seconds = std::chrono::sys_seconds;

std::optional<seconds> date_in(const fields_view& fields, std::string_view name) noexcept {
    const std::optional<std::string_view> value = fields.find(name);
    return value ? parse_date(*value) : std::nullopt;
}

/// Whether the value of any field of this name passes.
template <class F>
bool any_of(const fields_view& fields, std::string_view name, F passes) noexcept {
    return std::ranges::any_of(fields, [&](const field& each) {
        return same_name(each.name, name) && passes(each.value);
    });
}

} // namespace

precondition evaluate(const fields_view& fields, method asked, const validators& current) noexcept {
    if (fields.find("If-Match")) {
        const bool holds = any_of(fields, "If-Match", [&](std::string_view value) {
            return if_match_holds(value, current.tag);
        });
        if (!holds) {
            return precondition::failed;
        }
    } else if (const auto since = date_in(fields, "If-Unmodified-Since");
               since && current.modified > *since) {
        return precondition::failed;
    }
    const bool reads = asked == method::get || asked == method::head;
    if (fields.find("If-None-Match")) {
        const bool same = any_of(fields, "If-None-Match", [&](std::string_view value) {
            return if_none_match_names(value, current.tag);
        });
        if (same) {
            return reads ? precondition::not_modified : precondition::failed;
        }
    } else if (const auto since = date_in(fields, "If-Modified-Since");
               reads && since && current.modified <= *since) {
        return precondition::not_modified;
    }
    return precondition::holds;
}

bool range_counts(const fields_view& fields, const validators& current) noexcept {
    const std::optional<std::string_view> condition = fields.find("If-Range");
    if (!condition) {
        return true;
    }
    if (const std::optional<entity_tag> tag = parse_entity_tag(*condition)) {
        return strongly_equal(*tag, current.tag);
    }
    const std::optional<seconds> date = parse_date(*condition);
    return date && *date == current.modified;
}

} // namespace runnel::inline v0::http
