// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/request.hpp"

namespace runnel::inline v0::http {
namespace {

/// The target without scheme and authority: `/path?query`, `?query`, `*` or nothing.
std::string_view from_path(const request_head& head) noexcept {
    const std::string_view target = head.target;
    if (target.starts_with('/') || head.verb == method::connect) {
        return target;
    }
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) {
        return target;
    }
    const std::size_t path = target.find_first_of("/?", scheme + 3);
    return path == std::string_view::npos ? std::string_view() : target.substr(path);
}

} // namespace

std::string_view request::path() const noexcept {
    const std::string_view whole = from_path(head_);
    const std::string_view path = whole.substr(0, whole.find('?'));
    return path.empty() ? std::string_view("/") : path;
}

std::string_view request::query() const noexcept {
    const std::string_view whole = from_path(head_);
    const std::size_t mark = whole.find('?');
    return mark == std::string_view::npos ? std::string_view() : whole.substr(mark + 1);
}

std::string_view request::parameter(std::string_view name) const noexcept {
    for (const auto& [known, value] : parameters_) {
        if (known == name) {
            return value;
        }
    }
    return {};
}

void request::set_parameter(std::string_view name, std::string value) {
    parameters_.emplace_back(name, std::move(value));
}

} // namespace runnel::inline v0::http
