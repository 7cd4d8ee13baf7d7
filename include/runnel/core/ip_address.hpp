// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"
#include "runnel/core/check.hpp"
#include "runnel/core/error.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// Addresses of the Internet Protocol, as values: trivially copyable, ordered, hashable, usable in
/// constant expressions. Conversions to and from the kernel's `sockaddr` belong to `host`.
///
/// What all of them share:
/// - `parse` takes exactly the text of one address, without blanks around it. A failure is
///   `errc::invalid_argument`; its text quotes the input and says at which character (from 1) what
///   was expected and what was found.
/// - `format_to` writes the canonical text into an array of `max_text_size` characters and gives
/// the
///   part that was written; nothing is allocated and no zero is appended. `to_string` gives the
///   same as a string. Parsing it gives the same address again.
/// - Hashes are the same in every run and have no key: whoever chooses the addresses can make them
///   collide. Tables that strangers fill need `siphash`.
namespace runnel::inline v0 {

/// Mixes `value` into the hash `seed`; each bit of both changes about half of the bits of the
/// result.
[[nodiscard]] constexpr std::uint64_t mix_hash(std::uint64_t seed, std::uint64_t value) noexcept {
    std::uint64_t x = (seed ^ value) * 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 32U) * 0xd6e8'feb8'6659'fd93;
    return x ^ x >> 32U;
}

enum class ip_family : std::uint8_t { v4, v6 };

/// An IPv4 address (RFC 791).
class ipv4_address {
public:
    static constexpr std::size_t byte_count = 4;
    static constexpr std::size_t max_text_size = 15;
    using byte_array = std::array<std::byte, byte_count>;

    /// 0.0.0.0
    constexpr ipv4_address() noexcept = default;
    /// `number` has the first part of the text in its uppermost byte: 0x7f000001 is 127.0.0.1.
    constexpr explicit ipv4_address(std::uint32_t number) noexcept : number_(number) {}
    constexpr ipv4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
        : number_(std::uint32_t{a} << 24U | std::uint32_t{b} << 16U | std::uint32_t{c} << 8U | d) {}
    /// From the bytes of a packet, the first part first.
    constexpr explicit ipv4_address(std::span<const std::byte, byte_count> bytes) noexcept
        : number_(load_be32(bytes.data())) {}

    static constexpr ipv4_address any() noexcept { return {}; }
    static constexpr ipv4_address loopback() noexcept { return {127, 0, 0, 1}; }
    static constexpr ipv4_address broadcast() noexcept { return {255, 255, 255, 255}; }
    /// The multicast group of all hosts of a link, 224.0.0.1 (RFC 1112).
    static constexpr ipv4_address all_hosts() noexcept { return {224, 0, 0, 1}; }

    /// Four decimal numbers from 0 to 255 joined by dots, without leading zeros: the strict form of
    /// RFC 6943 3.1.1. Shorter, octal and hexadecimal forms are refused.
    [[nodiscard]] static result<ipv4_address> parse(std::string_view text);

    [[nodiscard]] constexpr std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] constexpr byte_array bytes() const noexcept {
        byte_array bytes{};
        store_be32(bytes.data(), number_);
        return bytes;
    }

    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    /// 0.0.0.0
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return number_ == 0; }
    /// 127.0.0.0/8
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return starts_with(127, 8); }
    /// 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918).
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return starts_with(10, 8) || starts_with(0xac1, 12) || starts_with(0xc0a8, 16);
    }
    /// 169.254.0.0/16 (RFC 3927)
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return starts_with(0xa9fe, 16); }
    /// 224.0.0.0/4
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return starts_with(0xe, 4); }
    /// 255.255.255.255. The broadcast address of a network is known to its `ip_prefix`.
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return number_ == 0xffff'ffff; }
    /// 100.64.0.0/10, between a provider's NAT and its customers (RFC 6598).
    [[nodiscard]] constexpr bool is_shared() const noexcept { return starts_with(0x191, 10); }
    /// 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return starts_with(0xc00002, 24) || starts_with(0xc63364, 24) || starts_with(0xcb0071, 24);
    }
    /// A unicast address that may be reached from the whole Internet, going by IANA's registry of
    /// special-purpose addresses (RFC 6890). Reserved and multicast addresses are not.
    [[nodiscard]] bool is_global() const noexcept;

    [[nodiscard]] constexpr std::size_t hash() const noexcept { return mix_hash(4, number_); }

    friend constexpr bool operator==(ipv4_address, ipv4_address) noexcept = default;
    friend constexpr auto operator<=>(ipv4_address, ipv4_address) noexcept = default;

private:
    [[nodiscard]] constexpr bool starts_with(std::uint32_t bits, unsigned count) const noexcept {
        return number_ >> (32U - count) == bits;
    }

    std::uint32_t number_ = 0;
};

/// An IPv6 address (RFC 4291) and the zone it is meant in (RFC 4007).
///
/// The scope is the number of the network interface that a link-local address belongs to, 0 for
/// none. It is part of the value: fe80::1%2 and fe80::1%3 are different addresses.
class ipv6_address {
public:
    static constexpr std::size_t byte_count = 16;
    static constexpr std::size_t max_text_size = 50;
    using byte_array = std::array<std::byte, byte_count>;

    /// ::
    constexpr ipv6_address() noexcept = default;
    /// From the bytes of a packet.
    constexpr explicit ipv6_address(std::span<const std::byte, byte_count> bytes,
                                    std::uint32_t scope = 0) noexcept
        : ipv6_address(load_be64(bytes.data()), load_be64(bytes.data() + 8), scope) {}
    /// From its halves: the upper is the network's, the lower often the interface's.
    constexpr ipv6_address(std::uint64_t upper, std::uint64_t lower,
                           std::uint32_t scope = 0) noexcept
        : scope_(scope) {
        store_be64(bytes_.data(), upper);
        store_be64(bytes_.data() + 8, lower);
    }

    static constexpr ipv6_address any() noexcept { return {}; }
    static constexpr ipv6_address loopback() noexcept { return {0, 1}; }
    /// The multicast groups of all nodes and of all routers of a link, ff02::1 and ff02::2.
    static constexpr ipv6_address all_nodes() noexcept { return {0xff02'0000'0000'0000, 1}; }
    static constexpr ipv6_address all_routers() noexcept { return {0xff02'0000'0000'0000, 2}; }
    /// ::ffff:a.b.c.d, the form of an IPv4 address on an IPv6 socket.
    static constexpr ipv6_address mapped(ipv4_address address) noexcept {
        return {0, 0xffff'0000'0000U | address.number()};
    }

    /// The forms of RFC 4291 2.2: eight groups of one to four hexadecimal digits, one run of zero
    /// groups as "::", the last two groups also as an IPv4 address; then optionally '%' and the
    /// scope in decimal. Names of interfaces need `parse_zoned`.
    [[nodiscard]] static result<ipv6_address> parse(std::string_view text);

    /// An address whose zone may be a name.
    struct zoned;
    /// Like `parse`, but what follows '%' may also be the name of an interface, which is checked to
    /// be one that could exist. The caller looks its number up and applies `with_scope`.
    [[nodiscard]] static result<zoned> parse_zoned(std::string_view text);

    [[nodiscard]] constexpr const byte_array& bytes() const noexcept { return bytes_; }
    [[nodiscard]] constexpr std::uint64_t upper() const noexcept {
        return load_be64(bytes_.data());
    }
    [[nodiscard]] constexpr std::uint64_t lower() const noexcept {
        return load_be64(bytes_.data() + 8);
    }
    [[nodiscard]] constexpr std::uint32_t scope() const noexcept { return scope_; }
    [[nodiscard]] constexpr ipv6_address with_scope(std::uint32_t scope) const noexcept {
        return {upper(), lower(), scope};
    }
    /// The IPv4 address in a mapped one. Requires `is_v4_mapped()`.
    [[nodiscard]] constexpr ipv4_address unmapped() const noexcept {
        check(is_v4_mapped(), "only a mapped address holds an IPv4 address");
        return ipv4_address(static_cast<std::uint32_t>(lower()));
    }

    /// The canonical text of RFC 5952, with the scope as "%2" where there is one.
    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    /// ::
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return upper() == 0 && lower() == 0;
    }
    /// ::1
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return upper() == 0 && lower() == 1;
    }
    /// fc00::/7, the unique local addresses (RFC 4193).
    [[nodiscard]] constexpr bool is_private() const noexcept { return starts_with(0x7e, 7); }
    /// fe80::/10
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return starts_with(0x3fa, 10); }
    /// ff00::/8
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return starts_with(0xff, 8); }
    /// ::ffff:0.0.0.0/96
    [[nodiscard]] constexpr bool is_v4_mapped() const noexcept {
        return upper() == 0 && lower() >> 32U == 0xffff;
    }
    /// 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return starts_with(0x20010db8, 32) || starts_with(0x3fff0, 20);
    }
    /// A unicast address that may be reached from the whole Internet, going by IANA's registry of
    /// special-purpose addresses (RFC 6890). Reserved, mapped and multicast addresses are not.
    [[nodiscard]] bool is_global() const noexcept;

    [[nodiscard]] constexpr std::size_t hash() const noexcept {
        return mix_hash(mix_hash(6 + scope_, upper()), lower());
    }

    friend constexpr bool operator==(const ipv6_address& a, const ipv6_address& b) noexcept {
        return a.upper() == b.upper() && a.lower() == b.lower() && a.scope_ == b.scope_;
    }
    friend constexpr std::strong_ordering operator<=>(const ipv6_address& a,
                                                      const ipv6_address& b) noexcept {
        if (a.upper() != b.upper()) {
            return a.upper() <=> b.upper();
        }
        return a.lower() != b.lower() ? a.lower() <=> b.lower() : a.scope_ <=> b.scope_;
    }

private:
    [[nodiscard]] constexpr bool starts_with(std::uint64_t bits, unsigned count) const noexcept {
        return upper() >> (64U - count) == bits;
    }

    byte_array bytes_{};
    std::uint32_t scope_ = 0;
};

struct ipv6_address::zoned {
    ipv6_address address;
    /// The name of the interface, inside the text that was parsed; empty when there was no zone or
    /// it was a number, which is then the scope of `address`.
    std::string_view zone;
};

/// An address of either family. An IPv4 address and its mapped form in IPv6 are different values.
/// All IPv4 addresses are ordered before all IPv6 addresses.
class ip_address {
public:
    static constexpr std::size_t max_text_size = ipv6_address::max_text_size;

    /// 0.0.0.0
    constexpr ip_address() noexcept : ip_address(ipv4_address()) {}
    // NOLINTBEGIN(google-explicit-constructor): an address of one family is an address
    constexpr ip_address(ipv4_address address) noexcept
        : address_(ipv6_address::mapped(address)), family_(ip_family::v4) {}
    constexpr ip_address(const ipv6_address& address) noexcept
        : address_(address), family_(ip_family::v6) {}
    // NOLINTEND(google-explicit-constructor)

    static constexpr ip_address any(ip_family family) noexcept {
        return family == ip_family::v4 ? ip_address(ipv4_address::any())
                                       : ip_address(ipv6_address::any());
    }
    static constexpr ip_address loopback(ip_family family) noexcept {
        return family == ip_family::v4 ? ip_address(ipv4_address::loopback())
                                       : ip_address(ipv6_address::loopback());
    }

    /// What `ipv6_address::parse` takes if there is a colon in it, else what `ipv4_address::parse`
    /// does.
    [[nodiscard]] static result<ip_address> parse(std::string_view text);

    [[nodiscard]] constexpr ip_family family() const noexcept { return family_; }
    [[nodiscard]] constexpr bool is_v4() const noexcept { return family_ == ip_family::v4; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return family_ == ip_family::v6; }
    /// Requires `is_v4()`.
    [[nodiscard]] constexpr ipv4_address v4() const noexcept {
        check(is_v4(), "v4() is for IPv4 addresses");
        return address_.unmapped();
    }
    /// Requires `is_v6()`.
    [[nodiscard]] constexpr const ipv6_address& v6() const noexcept {
        check(is_v6(), "v6() is for IPv6 addresses");
        return address_;
    }
    /// The IPv6 form of either: an IPv4 address mapped, an IPv6 address as it is.
    [[nodiscard]] constexpr const ipv6_address& to_v6() const noexcept { return address_; }
    /// The IPv4 address in a mapped IPv6 address; any other address as it is.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        return address_.is_v4_mapped() ? ip_address(address_.unmapped()) : *this;
    }
    /// The size of the address in bits, 32 or 128.
    [[nodiscard]] constexpr unsigned width() const noexcept { return is_v4() ? 32 : 128; }

    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    /// See the functions of the same names in `ipv4_address` and `ipv6_address`. All but
    /// `is_v4_mapped` are false for a mapped address, whatever it holds: ask `unmapped()`.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return is_v4() ? v4().is_unspecified() : address_.is_unspecified();
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return is_v4() ? v4().is_loopback() : address_.is_loopback();
    }
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return is_v4() ? v4().is_private() : address_.is_private();
    }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return is_v4() ? v4().is_link_local() : address_.is_link_local();
    }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return is_v4() ? v4().is_multicast() : address_.is_multicast();
    }
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return is_v4() ? v4().is_documentation() : address_.is_documentation();
    }
    [[nodiscard]] constexpr bool is_v4_mapped() const noexcept {
        return is_v6() && address_.is_v4_mapped();
    }
    [[nodiscard]] bool is_global() const noexcept {
        return is_v4() ? v4().is_global() : address_.is_global();
    }

    [[nodiscard]] constexpr std::size_t hash() const noexcept {
        return is_v4() ? v4().hash() : address_.hash();
    }

    friend constexpr bool operator==(const ip_address& a, const ip_address& b) noexcept {
        return a.family_ == b.family_ && a.address_ == b.address_;
    }
    friend constexpr std::strong_ordering operator<=>(const ip_address& a,
                                                      const ip_address& b) noexcept {
        return a.family_ != b.family_ ? a.family_ <=> b.family_ : a.address_ <=> b.address_;
    }

private:
    ipv6_address address_; // an IPv4 address in its mapped form
    ip_family family_;
};

} // namespace runnel::inline v0

template <>
struct std::hash<runnel::ipv4_address> {
    std::size_t operator()(runnel::ipv4_address address) const noexcept { return address.hash(); }
};

template <>
struct std::hash<runnel::ipv6_address> {
    std::size_t operator()(const runnel::ipv6_address& address) const noexcept {
        return address.hash();
    }
};

template <>
struct std::hash<runnel::ip_address> {
    std::size_t operator()(const runnel::ip_address& address) const noexcept {
        return address.hash();
    }
};
