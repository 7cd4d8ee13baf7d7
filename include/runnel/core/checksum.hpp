// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"
#include "runnel/core/ip_address.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace runnel::inline v0 {

/// The Internet checksum (RFC 1071) of bytes that come in any number of pieces of any length and
/// alignment: the one's complement sum of 16-bit big-endian words, where an odd last byte counts as
/// the upper half of a word.
///
///     auto sum = checksum::pseudo_header(source, destination, 17, udp_length);
///     sum.add(header);
///     sum.add(payload);
///     store_be16(header.data() + 6, sum.udp_value());
///
/// A piece that follows an odd number of bytes counts as if all pieces lay in one place. An object
/// is small and trivially copyable, so the sum of a payload can be kept and added again behind
/// other headers. All numbers are in the order of the host, ready for `store_be16`.
class checksum {
public:
    /// The sum of no bytes.
    constexpr checksum() noexcept = default;
    explicit checksum(std::span<const std::byte> bytes) noexcept { add(bytes); }

    /// The sum of the pseudo-header that TCP and UDP put in front over IPv4 (RFC 9293 3.1, RFC
    /// 768). `length` is that of the transport header and its payload.
    [[nodiscard]] static constexpr checksum pseudo_header(ipv4_address source,
                                                          ipv4_address destination,
                                                          std::uint8_t protocol,
                                                          std::uint16_t length) noexcept {
        checksum sum;
        sum.add_be32(source.number());
        sum.add_be32(destination.number());
        sum.add_be16(protocol);
        sum.add_be16(length);
        return sum;
    }

    /// The same over IPv6, also for ICMPv6 (RFC 8200 8.1). Scopes do not count.
    [[nodiscard]] static constexpr checksum pseudo_header(const ipv6_address& source,
                                                          const ipv6_address& destination,
                                                          std::uint8_t next_header,
                                                          std::uint32_t length) noexcept {
        checksum sum;
        for (const ipv6_address* address : {&source, &destination}) {
            sum.append(load_le64(address->bytes().data()), 8);
            sum.append(load_le64(address->bytes().data() + 8), 8);
        }
        sum.add_be32(length);
        sum.add_be32(next_header);
        return sum;
    }

    /// Adds the bytes that follow.
    void add(std::span<const std::byte> bytes) noexcept {
        append(bytes.size() <= short_size ? sum_short(bytes.data(), bytes.size())
                                          : sum_long(bytes.data(), bytes.size()),
               bytes.size());
    }

    /// Adds the bytes that `next` is the sum of, as if they followed.
    constexpr void add(const checksum& next) noexcept { append(next.sum_, next.odd_ ? 1 : 0); }

    /// Adds a big-endian field that follows.
    constexpr void add_be16(std::uint16_t value) noexcept {
        append(static_cast<std::uint16_t>(value << 8U | value >> 8U), 2);
    }
    constexpr void add_be32(std::uint32_t value) noexcept {
        add_be16(static_cast<std::uint16_t>(value >> 16U));
        add_be16(static_cast<std::uint16_t>(value));
    }

    /// Adds the bytes that follow, and copies them to `to` in the same pass. `to` must have room
    /// for all of them, and must not overlap them.
    void add_copied(std::byte* to, std::span<const std::byte> from) noexcept {
        append(copy_long(to, from.data(), from.size()), from.size());
    }

    /// The sum itself, not complemented: what a device that completes checksums expects to find in
    /// their field. 0 only if all bytes were 0.
    [[nodiscard]] constexpr std::uint16_t sum() const noexcept {
        std::uint64_t sum = (sum_ >> 32U) + (sum_ & 0xffff'ffffU);
        sum = (sum >> 16U) + (sum & 0xffffU);
        sum = (sum >> 16U) + (sum & 0xffffU);
        sum = (sum >> 16U) + (sum & 0xffffU);
        return static_cast<std::uint16_t>(sum << 8U | sum >> 8U);
    }

    /// The checksum to send: the complement of the sum.
    [[nodiscard]] constexpr std::uint16_t value() const noexcept {
        return static_cast<std::uint16_t>(~sum());
    }

    /// The checksum to send in UDP, where 0 means that there is none, and 0xffff is sent instead
    /// (RFC 768).
    [[nodiscard]] constexpr std::uint16_t udp_value() const noexcept {
        const std::uint16_t plain = value();
        return plain != 0 ? plain : std::uint16_t{0xffff};
    }

    /// After adding everything that the sender summed, and the checksum it sent: whether it is
    /// right.
    [[nodiscard]] constexpr bool valid() const noexcept { return sum() == 0xffff; }

private:
    /// Up to this size the inline code is faster than a call to the vector code.
    static constexpr std::size_t short_size = 64;

    static constexpr std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
        const std::uint64_t sum = a + b;
        return sum + (sum < b ? 1U : 0U);
    }

    constexpr void append(std::uint64_t sum, std::size_t size) noexcept {
        // To move bytes into the other half of their words is to multiply by 256 modulo 2^16 - 1.
        // Modulo its multiple 2^64 - 1, that is a rotation.
        sum_ = plus(sum_, odd_ ? std::rotl(sum, 8) : sum);
        odd_ ^= size % 2 != 0;
    }

    static std::uint64_t sum_short(const std::byte* from, std::size_t size) noexcept {
        std::uint64_t sum = 0;
        for (; size >= 8; from += 8, size -= 8) {
            sum = plus(sum, load_le64(from));
        }
        std::uint64_t rest = 0;
        if ((size & 4U) != 0) {
            rest += load_le32(from);
            from += 4;
        }
        if ((size & 2U) != 0) {
            rest += load_le16(from);
            from += 2;
        }
        if ((size & 1U) != 0) {
            rest += std::to_integer<unsigned>(*from);
        }
        return plus(sum, rest);
    }

    static std::uint64_t sum_long(const std::byte* from, std::size_t size) noexcept;
    static std::uint64_t copy_long(std::byte* to, const std::byte* from, std::size_t size) noexcept;

    // Modulo 2^64 - 1, and of little-endian words on every host: the order of bytes matters to the
    // last step only (RFC 1071 2 (B)).
    std::uint64_t sum_ = 0;
    bool odd_ = false;
};

/// The Internet checksum of `bytes`, as in an IPv4 or ICMP header whose checksum field is 0.
[[nodiscard]] inline std::uint16_t internet_checksum(std::span<const std::byte> bytes) noexcept {
    return checksum(bytes).value();
}

/// Copies `size` bytes that do not overlap, and gives their sum.
inline checksum copy_and_sum(std::byte* to, const std::byte* from, std::size_t size) noexcept {
    checksum sum;
    sum.add_copied(to, {from, size});
    return sum;
}

/// The checksum after a field of the summed bytes changed from `before` to `after` (RFC 1624,
/// equation 3). The field starts at an even offset. Never turns a 0 into its other form 0xffff or
/// back by mistake, as older formulas did: the result is what summing everything again would give,
/// as long as some of the bytes are not 0. In UDP send 0xffff for a result of 0, and leave a
/// checksum of 0, which means none, as it is.
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t before,
                                                      std::uint16_t after) noexcept {
    const auto inverse = [](std::uint16_t x) { return static_cast<std::uint16_t>(~x); };
    std::uint32_t sum = std::uint32_t{inverse(checksum)} + inverse(before) + after;
    sum = (sum >> 16U) + (sum & 0xffffU);
    sum = (sum >> 16U) + (sum & 0xffffU);
    return inverse(static_cast<std::uint16_t>(sum));
}

/// The same for a field of 32 bits, such as an IPv4 address or a TCP sequence number.
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t checksum, std::uint32_t before,
                                                      std::uint32_t after) noexcept {
    const auto upper = [](std::uint32_t x) { return static_cast<std::uint16_t>(x >> 16U); };
    const auto lower = [](std::uint32_t x) { return static_cast<std::uint16_t>(x); };
    return update_checksum(update_checksum(checksum, upper(before), upper(after)), lower(before),
                           lower(after));
}

/// Which code sums and copies long pieces on this processor, as in "avx2".
[[nodiscard]] std::string_view checksum_implementation() noexcept;

} // namespace runnel::inline v0
