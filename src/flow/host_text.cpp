// SPDX-License-Identifier: Apache-2.0
#include "host_text.hpp"

#include "quote.hpp"
#include "runnel/core/ip_address.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// Of a name in text form (RFC 1035, section 2.3.4): 255 bytes on the wire are 253 characters, and
/// a dot may follow.
constexpr std::size_t longest_name = 254;
constexpr std::size_t longest_label = 63;

using fault = std::unexpected<host_fault>;

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Letters, digits and hyphen, and the underscore that is found in practice.
constexpr bool is_name_character(char c) noexcept {
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '.';
}

bool looks_like_address(std::string_view name) noexcept {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    std::string_view last = name.substr(name.rfind('.') + 1); // npos + 1 is 0
    if (last.starts_with("0x")) {
        last.remove_prefix(2);
        return std::ranges::all_of(last,
                                   [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
    }
    return !last.empty() && std::ranges::all_of(last, is_digit);
}

} // namespace

bool is_ipv6(std::string_view text) {
    return ipv6_address::parse(text).has_value();
}

std::expected<std::string, host_fault> read_ipv6_host(std::string_view text) {
    std::string plain(text);
    const std::size_t zone = plain.find('%');
    if (zone != std::string::npos && plain.size() > zone + 3 &&
        plain.compare(zone, 3, "%25") == 0) {
        plain.erase(zone + 1, 2); // the percent sign was percent-encoded (RFC 6874)
    }
    const auto read = ipv6_address::parse_zoned(plain);
    if (!read) {
        return fault({0, fmt::format("expected an IPv6 address, got {}", quote(text))});
    }
    std::string canonical = read->address.to_string();
    if (!read->zone.empty()) {
        canonical += '%';
        canonical += read->zone;
    }
    return canonical;
}

std::expected<std::string, host_fault> read_name_host(std::string_view text) {
    const auto bad = std::ranges::find_if_not(text, is_name_character);
    if (bad != text.end()) {
        const auto offset = static_cast<std::size_t>(bad - text.begin());
        const bool ascii = static_cast<unsigned char>(*bad) < 0x80;
        return fault(
            {offset, ascii ? "expected a letter, a digit, '-', '_' or '.' in the name of a host"
                           : "expected ASCII: an international name is written as xn--…"});
    }
    if (text.starts_with('-')) {
        // It would pass for an option wherever the name ends up on a command line.
        return fault({0, "the name of a host does not begin with '-'"});
    }
    if (text.size() > longest_name) {
        return fault({longest_name, "the name of the host is longer than 254 characters"});
    }
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('.', begin), text.size());
        if (end == begin) {
            return fault({begin, "expected a label between the dots of the host name"});
        }
        if (end - begin > longest_label) {
            return fault({begin, "a label of the host name is longer than 63 characters"});
        }
        begin = end + 1;
    }
    std::string name(text);
    std::ranges::transform(name, name.begin(), lower);
    if (looks_like_address(name) && !ipv4_address::parse(name)) {
        return fault({0, fmt::format("{} is not an IPv4 address", quote(text))});
    }
    return name;
}

std::expected<std::string, host_fault> read_id_host(std::string_view text) {
    constexpr std::string_view reserved = "%/:?@[]";
    const auto bad = std::ranges::find_if(text, [&](char c) {
        return c <= ' ' || c > '~' || reserved.find(c) != std::string_view::npos;
    });
    if (bad != text.end()) {
        return fault({static_cast<std::size_t>(bad - text.begin()),
                      "expected a letter, a digit or '-' in the name of a machine"});
    }
    return std::string(text);
}

} // namespace runnel::inline v0
