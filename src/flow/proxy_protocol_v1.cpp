// SPDX-License-Identifier: Apache-2.0
#include "proxy_protocol_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// With its end of line (section 2.1).
constexpr std::size_t longest_line = 107;

using proxy_wire::bad;

/// Takes what stands before the next single space away from the front of `line`.
std::string_view take_field(std::string_view& line) noexcept {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view field = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return field;
}

result<ip_address> parse_address(std::string_view text, ip_family family) {
    const auto address = ip_address::parse(text);
    if (!address || address->family() != family || text.find('%') != std::string_view::npos) {
        return bad(family == ip_family::v4 ? "expected an IPv4 address"
                                           : "expected an IPv6 address");
    }
    return *address;
}

/// Reads `source destination source-port destination-port`.
result<proxy_ip_pair> parse_pair(std::string_view line, ip_family family) {
    if (std::ranges::count(line, ' ') != 3) {
        return bad("expected two addresses and two ports with one space between each");
    }
    const auto source = parse_address(take_field(line), family);
    if (!source) {
        return fail(source.error());
    }
    const auto destination = parse_address(take_field(line), family);
    if (!destination) {
        return fail(destination.error());
    }
    const auto source_port = parse_port(take_field(line));
    const auto destination_port = parse_port(take_field(line));
    if (!source_port || !destination_port) {
        return bad("expected ports from 0 to 65535");
    }
    return proxy_ip_pair{{*source, *source_port}, {*destination, *destination_port}};
}

} // namespace

proxy_wire::parse_result proxy_wire::parse_v1(std::span<const std::byte> received) {
    const std::string_view text(reinterpret_cast<const char*>(received.data()),
                                std::min(received.size(), longest_line));
    const std::size_t end = text.find_first_of("\r\n");
    if (end == std::string_view::npos || end + 1 == text.size()) {
        if (text.size() == longest_line) {
            return bad("no end of line within 107 bytes");
        }
        if (end == std::string_view::npos || text[end] == '\r') {
            return std::nullopt;
        }
    }
    if (text.substr(end, 2) != "\r\n") {
        return bad("the line does not end with CR and LF");
    }
    if (end < text_start.size()) {
        return bad("expected TCP4, TCP6 or UNKNOWN");
    }
    std::string_view line = text.substr(text_start.size(), end - text_start.size());
    parsed_proxy_header parsed{.header = {}, .size = end + 2, .version = 1};
    const std::string_view protocol = take_field(line);
    if (protocol == "UNKNOWN") {
        return parsed; // Whatever follows is to be ignored.
    }
    if (protocol != "TCP4" && protocol != "TCP6") {
        return bad("expected TCP4, TCP6 or UNKNOWN");
    }
    const auto pair = parse_pair(line, protocol == "TCP4" ? ip_family::v4 : ip_family::v6);
    if (!pair) {
        return fail(pair.error());
    }
    parsed.header.addresses = *pair;
    return parsed;
}

std::string encode_proxy_v1(const proxy_header& header) {
    const auto* pair = std::get_if<proxy_ip_pair>(&header.addresses);
    if (pair == nullptr || header.local || header.datagrams) {
        return "PROXY UNKNOWN\r\n";
    }
    const auto& [source, destination] = *pair;
    const bool v4 = source.address().is_v4() && destination.address().is_v4();
    const auto text = [&](const ip_endpoint& endpoint) {
        // Zones mean nothing to anybody else.
        return v4 ? endpoint.address().to_string()
                  : endpoint.address().to_v6().with_scope(0).to_string();
    };
    return fmt::format("PROXY TCP{} {} {} {} {}\r\n", v4 ? 4 : 6, text(source), text(destination),
                       source.port(), destination.port());
}

} // namespace runnel::inline v0
