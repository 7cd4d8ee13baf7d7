// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

#include <optional>

namespace runnel::inline v0 {

/// An address together with the length of its network part, as in 10.0.0.0/8 or fe80::1/64 (RFC
/// 4632, RFC 4291 2.3): a network, or the address of an interface within its network.
///
/// The bits behind the network part are kept, so 10.0.0.1/8 and 10.0.0.0/8 are different values
/// with the same `network()`. The address never has a scope. Ordered by address, then by length.
class ip_prefix {
public:
    static constexpr std::size_t max_text_size = 43;

    /// 0.0.0.0/0, which contains every IPv4 address.
    constexpr ip_prefix() noexcept = default;
    /// `length` is at most `address.width()`; a scope is dropped.
    constexpr ip_prefix(const ip_address& address, unsigned length) noexcept
        : address_(address.is_v4() ? address : ip_address(address.v6().with_scope(0))),
          length_(static_cast<std::uint8_t>(length)) {
        check(length <= address.width(), "a prefix is not longer than its address");
    }
    /// The network of this one address alone: /32 or /128.
    constexpr explicit ip_prefix(const ip_address& address) noexcept
        : ip_prefix(address, address.width()) {}

    /// An address without a scope, '/', and the length in decimal. See `ip_address` for the rules.
    [[nodiscard]] static result<ip_prefix> parse(std::string_view text);

    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    [[nodiscard]] constexpr unsigned length() const noexcept { return length_; }
    [[nodiscard]] constexpr ip_family family() const noexcept { return address_.family(); }

    /// The first address: all bits behind the network part are 0.
    [[nodiscard]] constexpr ip_address first() const noexcept { return with_host_bits(false); }
    /// The last address: all bits behind the network part are 1.
    [[nodiscard]] constexpr ip_address last() const noexcept { return with_host_bits(true); }
    /// The same network written with its first address.
    [[nodiscard]] constexpr ip_prefix network() const noexcept { return {first(), length_}; }
    /// The mask of the network part: 255.0.0.0 for a /8.
    [[nodiscard]] constexpr ip_address mask() const noexcept {
        return ip_prefix(family() == ip_family::v4 ? ip_address(ipv4_address::broadcast())
                                                   : ip_address(ipv6_address(~0ULL, ~0ULL)),
                         length_)
            .first();
    }
    /// The address that reaches all hosts of the network: none in IPv6, nor in IPv4 networks of one
    /// or two addresses (RFC 3021).
    [[nodiscard]] constexpr std::optional<ipv4_address> broadcast() const noexcept {
        if (family() == ip_family::v6 || length_ > 30) {
            return std::nullopt;
        }
        return last().v4();
    }

    /// Whether the address is of the same family and has the same network part. Scopes do not
    /// count.
    [[nodiscard]] constexpr bool contains(const ip_address& address) const noexcept {
        return address.family() == family() && ip_prefix(address, length_).first() == first();
    }
    /// Whether every address of `other` lies in this network.
    [[nodiscard]] constexpr bool contains(const ip_prefix& other) const noexcept {
        return other.length_ >= length_ && contains(other.address_);
    }

    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] constexpr std::size_t hash() const noexcept {
        return mix_hash(address_.hash(), length_);
    }

    friend constexpr bool operator==(const ip_prefix&, const ip_prefix&) noexcept = default;
    friend constexpr auto operator<=>(const ip_prefix&, const ip_prefix&) noexcept = default;

private:
    /// The lower `count` bits, 0 to 64.
    static constexpr std::uint64_t low_bits(unsigned count) noexcept {
        return count == 0 ? 0 : ~std::uint64_t{0} >> (64U - count);
    }

    [[nodiscard]] constexpr ip_address with_host_bits(bool ones) const noexcept {
        const unsigned host = address_.width() - length_;
        const std::uint64_t upper = low_bits(host > 64 ? host - 64 : 0);
        const std::uint64_t lower = low_bits(host > 64 ? 64 : host);
        const auto set = [ones](std::uint64_t bits, std::uint64_t mask) {
            return ones ? bits | mask : bits & ~mask;
        };
        if (address_.is_v4()) {
            return ipv4_address(static_cast<std::uint32_t>(set(address_.v4().number(), lower)));
        }
        return ipv6_address(set(address_.v6().upper(), upper), set(address_.v6().lower(), lower));
    }

    ip_address address_;
    std::uint8_t length_ = 0;
};

} // namespace runnel::inline v0

template <>
struct std::hash<runnel::ip_prefix> {
    std::size_t operator()(const runnel::ip_prefix& prefix) const noexcept { return prefix.hash(); }
};
