// SPDX-License-Identifier: Apache-2.0
#include "static_path.hpp"

#include "runnel/flow/percent.hpp"

#include <array>
#include <utility>
#include <vector>

namespace runnel::inline v0::http {
namespace {

constexpr std::string_view never_hidden = ".well-known";

/// Letters, digits, and the marks that have no meaning in a path (RFC 3986, section 2.3).
bool is_unreserved(char each) noexcept {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
           (each >= '0' && each <= '9') || each == '-' || each == '.' || each == '_' || each == '~';
}

} // namespace

std::expected<static_path, status> parse_static_path(std::string_view path, bool hidden) {
    if (!path.starts_with('/')) {
        return std::unexpected(status::bad_request);
    }
    std::vector<std::string> names;
    static_path found;
    while (!path.empty()) {
        path.remove_prefix(1); // the slash in front of the name
        const std::string_view text = path.substr(0, path.find('/'));
        path.remove_prefix(text.size());
        auto name = percent_decode(text);
        if (!name) {
            return std::unexpected(status::bad_request);
        }
        found.folder = name->empty() || *name == "." || *name == "..";
        if (name->find('\0') != std::string::npos || name->find('/') != std::string::npos) {
            return std::unexpected(status::not_found);
        }
        if (*name == "..") {
            if (names.empty()) {
                return std::unexpected(status::bad_request);
            }
            names.pop_back();
        } else if (!found.folder) {
            if (!hidden && name->starts_with('.') && *name != never_hidden) {
                return std::unexpected(status::not_found);
            }
            names.push_back(*std::move(name));
        }
    }
    for (const std::string& each : names) {
        found.name.append(found.name.empty() ? "" : "/").append(each);
    }
    return found;
}

std::string encode_name(std::string_view name) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (const char each : name) {
        if (is_unreserved(each)) {
            text.push_back(each);
        } else {
            const auto byte = static_cast<unsigned char>(each);
            text.append({'%', digits[byte >> 4U], digits[byte & 15U]});
        }
    }
    return text;
}

std::string spell_path(const static_path& path) {
    std::string text;
    std::string_view rest = path.name;
    while (!rest.empty()) {
        const std::string_view name = rest.substr(0, rest.find('/'));
        text.append("/").append(encode_name(name));
        rest.remove_prefix(name.size() + (name.size() < rest.size() ? 1 : 0));
    }
    if (path.folder || text.empty()) {
        text.push_back('/');
    }
    return text;
}

} // namespace runnel::inline v0::http
