// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"
#include "runnel/core/error.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// The address of an Ethernet interface (EUI-48, RFC 9542). Parsing, formatting and hashing follow
/// the rules that stand in ip_address.hpp.
class mac_address {
public:
    static constexpr std::size_t byte_count = 6;
    static constexpr std::size_t max_text_size = 17;
    using byte_array = std::array<std::byte, byte_count>;

    /// 00:00:00:00:00:00
    constexpr mac_address() noexcept = default;
    constexpr mac_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                          std::uint8_t e, std::uint8_t f) noexcept
        : bytes_{std::byte{a}, std::byte{b}, std::byte{c},
                 std::byte{d}, std::byte{e}, std::byte{f}} {}
    /// From the bytes of a frame.
    constexpr explicit mac_address(std::span<const std::byte, byte_count> bytes) noexcept {
        for (std::size_t i = 0; i < byte_count; ++i) {
            bytes_[i] = bytes[i];
        }
    }

    static constexpr mac_address broadcast() noexcept {
        return {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    }

    /// Six groups of two hexadecimal digits, joined by colons or by hyphens.
    [[nodiscard]] static result<mac_address> parse(std::string_view text);

    [[nodiscard]] constexpr const byte_array& bytes() const noexcept { return bytes_; }

    /// Lower-case digits and colons.
    std::string_view format_to(std::span<char, max_text_size> out) const noexcept;
    [[nodiscard]] std::string to_string() const;

    /// 00:00:00:00:00:00, which no interface has.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return number() == 0; }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return *this == broadcast(); }
    /// A group of interfaces; the broadcast address is one of these.
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return (bytes_[0] & std::byte{1}) != std::byte{0};
    }
    /// Chosen by whoever runs the network or the machine, and not by a manufacturer.
    [[nodiscard]] constexpr bool is_local() const noexcept {
        return (bytes_[0] & std::byte{2}) != std::byte{0};
    }

    /// Not keyed; see ip_address.hpp.
    [[nodiscard]] constexpr std::size_t hash() const noexcept {
        const std::uint64_t x = number() * 0x9e37'79b9'7f4a'7c15;
        return x ^ x >> 32U;
    }

    friend constexpr bool operator==(const mac_address& a, const mac_address& b) noexcept {
        return a.number() == b.number();
    }
    friend constexpr auto operator<=>(const mac_address& a, const mac_address& b) noexcept {
        return a.number() <=> b.number();
    }

private:
    [[nodiscard]] constexpr std::uint64_t number() const noexcept {
        return std::uint64_t{load_be32(bytes_.data())} << 16U | load_be16(bytes_.data() + 4);
    }

    byte_array bytes_{};
};

} // namespace runnel::inline v0

template <>
struct std::hash<runnel::mac_address> {
    std::size_t operator()(const runnel::mac_address& address) const noexcept {
        return address.hash();
    }
};
