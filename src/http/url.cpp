// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/url.hpp"

#include "character.hpp"
#include "runnel/http/framing.hpp"

#include <algorithm>

namespace runnel::inline v0::http {
namespace {

std::unexpected<error> wrong(std::string_view text, std::string_view why) {
    return runnel::fail(errc::invalid_argument,
                        "the URL \"" + std::string(text.substr(0, 200)) + "\" " + std::string(why));
}

bool is_letter(char c) noexcept {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/// The length of `scheme` in `scheme:…`; 0 if the text begins with none.
std::size_t scheme_size(std::string_view text) noexcept {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || !is_letter(text.front())) {
        return 0;
    }
    const bool good = std::ranges::all_of(text.substr(0, colon), [](char c) {
        return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    });
    return good ? colon : 0;
}

/// Whether all of it may stand in a URL: printable, and percent signs with their digits.
bool is_clean(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>') {
            return false;
        }
        if (c == '%') {
            if (text.size() - at < 3 || hex_value(text[at + 1]) < 0 ||
                hex_value(text[at + 2]) < 0) {
                return false;
            }
        }
    }
    return true;
}

std::string lower_copy(std::string_view text) {
    std::string copy(text);
    std::ranges::transform(copy, copy.begin(), lower);
    return copy;
}

std::uint16_t default_port(std::string_view scheme) noexcept {
    if (scheme == "http" || scheme == "ws") {
        return 80;
    }
    return scheme == "https" || scheme == "wss" ? 443 : 0;
}

/// `/path?query`, without dots.
std::string normal_target(std::string_view target) {
    const std::size_t query = std::min(target.find('?'), target.size());
    std::string path(target.substr(0, query));
    if (!path.starts_with('/')) {
        path.insert(path.begin(), '/');
    }
    return remove_dot_segments(path).append(target.substr(query));
}

} // namespace

std::string remove_dot_segments(std::string_view path) {
    std::string result;
    while (!path.empty()) {
        const std::size_t next = std::min(path.find('/', 1), path.size());
        const std::string_view segment = path.substr(0, next);
        path.remove_prefix(next);
        if (segment == "/.." || segment == "/.") {
            if (segment == "/..") {
                result.erase(std::min(result.rfind('/'), result.size()));
            }
            if (path.empty()) {
                result += '/';
            }
        } else {
            result += segment;
        }
    }
    return result;
}

result<url> url::parse(std::string_view text) {
    if (text.size() > longest) {
        return wrong(text, "is too long");
    }
    if (!is_clean(text)) {
        return wrong(text, "has a character that must be percent-encoded");
    }
    const std::size_t scheme = scheme_size(text);
    if (scheme == 0 || text.substr(scheme, 3) != "://") {
        return wrong(text, "does not begin with a scheme and ://");
    }
    std::string_view rest = text.substr(scheme + 3);
    rest = rest.substr(0, rest.find('#'));
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (authority.find('@') != std::string_view::npos) {
        return wrong(text, "has a user name, which is not sent");
    }
    if (authority.empty() || !is_authority(authority)) {
        return wrong(text, "has no correct host and port");
    }
    const bool brackets = authority.front() == '[';
    const std::size_t host_end =
        brackets ? authority.find(']') : std::min(authority.find(':'), authority.size());
    const std::string_view port = authority.substr(host_end + (brackets ? 1 : 0));
    url made;
    made.scheme_ = lower_copy(text.substr(0, scheme));
    made.host_ =
        lower_copy(brackets ? authority.substr(1, host_end - 1) : authority.substr(0, host_end));
    if (made.host_.empty()) {
        return wrong(text, "has no host");
    }
    if (port.size() > 1) {
        made.port_ = static_cast<std::uint16_t>(std::stoul(std::string(port.substr(1))));
    }
    made.target_ = normal_target(rest.substr(authority.size()));
    return made;
}

result<url> url::resolve(std::string_view reference) const {
    reference = reference.substr(0, reference.find('#'));
    if (scheme_size(reference) != 0) {
        return parse(reference);
    }
    if (reference.starts_with("//")) {
        return parse(scheme_ + ":" + std::string(reference));
    }
    std::string target;
    if (reference.starts_with('/')) {
        target = reference;
    } else if (reference.empty()) {
        target = target_;
    } else if (reference.starts_with('?')) {
        target = std::string(path()).append(reference);
    } else {
        const std::string_view here = path();
        target = std::string(here.substr(0, here.rfind('/') + 1)).append(reference);
    }
    return parse(scheme_ + "://" + authority() + target);
}

std::uint16_t url::port() const noexcept {
    return port_.value_or(default_port(scheme_));
}

std::string url::authority() const {
    std::string text =
        host_.find(':') == std::string::npos ? host_ : std::string("[").append(host_).append("]");
    if (port_ && *port_ != default_port(scheme_)) {
        text.append(":").append(std::to_string(*port_));
    }
    return text;
}

std::string url::to_string() const {
    return scheme_ + "://" + authority() + target_;
}

bool url::same_origin(const url& other) const noexcept {
    return scheme_ == other.scheme_ && host_ == other.host_ && port() == other.port();
}

} // namespace runnel::inline v0::http
