// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace runnel::inline v0::http {

/// Where a resource is: `http://host:port/path?query` (RFC 3986). Scheme and host are in lower
/// case; the fragment is left out, since nobody is ever sent one.
///
/// Strict, because a URL that two readers understand differently leads to another host than the
/// one that was checked: there are no user names, no white space, nothing beyond ASCII, no
/// backslashes, and every percent sign begins two hexadecimal digits.
class url {
public:
    /// Most bytes of one.
    static constexpr std::size_t longest = 8192;

    /// Reads an absolute URL. `invalid_argument` says what is wrong with it.
    [[nodiscard]] static result<url> parse(std::string_view text);

    /// What a reference found in this resource means, such as the `Location` of an answer: another
    /// URL, `//host/path`, `/path`, `path`, `?query`, or nothing (RFC 3986, section 5.2).
    [[nodiscard]] result<url> resolve(std::string_view reference) const;

    [[nodiscard]] const std::string& scheme() const noexcept { return scheme_; }
    /// A name, or an address without brackets.
    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    /// As written, or what the scheme means: 80 or 443. 0 for other schemes.
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Host, with brackets where it needs them, and the port unless it is the scheme's own.
    [[nodiscard]] std::string authority() const;
    /// Path and query, as in a request line; never empty.
    [[nodiscard]] const std::string& target() const noexcept { return target_; }
    [[nodiscard]] std::string_view path() const noexcept {
        return std::string_view(target_).substr(0, target_.find('?'));
    }
    [[nodiscard]] std::string to_string() const;

    /// Whether both have the same scheme, host and port (RFC 6454).
    [[nodiscard]] bool same_origin(const url& other) const noexcept;

    friend bool operator==(const url& a, const url& b) noexcept {
        return a.same_origin(b) && a.target_ == b.target_;
    }

private:
    url() = default;

    std::string scheme_;
    std::string host_;
    std::optional<std::uint16_t> port_;
    std::string target_;
};

/// Removes `.` and `..` from a path that begins with a slash (RFC 3986, section 5.2.4).
[[nodiscard]] std::string remove_dot_segments(std::string_view path);

} // namespace runnel::inline v0::http
