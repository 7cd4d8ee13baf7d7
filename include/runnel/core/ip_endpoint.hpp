// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

namespace runnel::inline v0 {

/// An address and a port of TCP or UDP, as in 192.0.2.1:80 or [2001:db8::1]:80. Ordered by address,
/// then by port.
class ip_endpoint {
public:
    static constexpr std::size_t max_text_size = ip_address::max_text_size + 8;

    /// 0.0.0.0:0
    constexpr ip_endpoint() noexcept = default;
    constexpr ip_endpoint(const ip_address& address, std::uint16_t port) noexcept
        : address_(address), port_(port) {}

    /// An address, in brackets if it is IPv6, a colon, and a port. See `ip_address` for the rules.
    [[nodiscard]] static result<ip_endpoint> parse(std::string_view text);

    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] constexpr ip_family family() const noexcept { return address_.family(); }
    [[nodiscard]] constexpr ip_endpoint with_port(std::uint16_t port) const noexcept {
        return {address_, port};
    }

    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] constexpr std::size_t hash() const noexcept {
        return mix_hash(address_.hash(), port_);
    }

    friend constexpr bool operator==(const ip_endpoint&, const ip_endpoint&) noexcept = default;
    friend constexpr auto operator<=>(const ip_endpoint&, const ip_endpoint&) noexcept = default;

private:
    ip_address address_;
    std::uint16_t port_ = 0;
};

/// A port alone: a decimal number from 0 to 65535 without leading zeros. Errors as in `ip_address`.
[[nodiscard]] result<std::uint16_t> parse_port(std::string_view text);

} // namespace runnel::inline v0

template <>
struct std::hash<runnel::ip_endpoint> {
    std::size_t operator()(const runnel::ip_endpoint& endpoint) const noexcept {
        return endpoint.hash();
    }
};
