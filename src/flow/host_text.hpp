// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// What is wrong with a host, and at which byte of it.
struct host_fault {
    std::size_t offset = 0;
    std::string what;
};

/// Whether the text is an IPv6 address, without brackets or zone.
[[nodiscard]] bool is_ipv6(std::string_view text);

/// Reads the inside of brackets: an IPv6 address and, behind `%` or `%25`, the zone it is meant in.
/// Gives the canonical text with `%` before the zone.
[[nodiscard]] std::expected<std::string, host_fault> read_ipv6_host(std::string_view text);

/// Reads a host name or an IPv4 address; gives it in lower case.
///
/// A last label of digits only, or a hexadecimal number, means an address (as browsers have it) and
/// must be a complete one: no name of the DNS ends so, and "127.1" or "0x7f000001" would otherwise
/// become loopback in some resolvers only.
[[nodiscard]] std::expected<std::string, host_fault> read_name_host(std::string_view text);

/// Reads the identifier of a machine: any visible ASCII without `%`, `/`, `:`, `?`, `@`, brackets.
[[nodiscard]] std::expected<std::string, host_fault> read_id_host(std::string_view text);

} // namespace runnel::inline v0
