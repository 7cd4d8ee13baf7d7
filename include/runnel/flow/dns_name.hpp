// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// An absolute domain name (RFC 1035, section 3.1): labels of bytes up to the root. A value of
/// fixed size, which no content makes allocate.
///
/// Comparison and order do not depend on upper and lower case of ASCII letters (RFC 4343); the case
/// that was read is kept.
class dns_name {
public:
    /// All labels with the length byte of each, and the root's empty label.
    static constexpr std::size_t max_wire_size = 255;
    static constexpr std::size_t max_label_size = 63;

    /// A name out of a message, and the offset of what follows it there.
    struct read_result;

    /// The root.
    constexpr dns_name() noexcept = default;

    /// Reads the usual text: labels between dots, an optional dot at the end. `\.` is a dot inside
    /// a label, `\\` a backslash, `\DDD` the byte with that decimal number. Gives
    /// `errc::invalid_argument` for an empty, too long or non-ASCII text or label.
    [[nodiscard]] static result<dns_name> parse(std::string_view text);

    /// The name under which the reverse DNS keeps the names of an address: in `in-addr.arpa`
    /// (RFC 1035, section 3.5) or `ip6.arpa` (RFC 3596, section 2.5).
    [[nodiscard]] static dns_name reverse(const ip_address& address);

    /// Reads a name at `offset` of a message, following compression (RFC 1035, section 4.1.4). The
    /// part that stands at `offset` itself must end before `end`, which is at most the message's
    /// size.
    ///
    /// Gives `errc::protocol_error` for a name that is cut off, too long or of an unknown kind of
    /// label, for a pointer that does not lead strictly backwards, to behind the header, and for
    /// more than 127 pointers: so no name can loop, and its cost is bounded.
    [[nodiscard]] static result<read_result> read(std::span<const std::byte> message,
                                                  std::size_t offset, std::size_t end);

    /// The name as it stands in a message that does not use compression; the last byte is 0.
    [[nodiscard]] std::span<const std::byte> wire() const noexcept {
        return std::span(bytes_).first(size_);
    }

    [[nodiscard]] bool is_root() const noexcept { return size_ == 1; }

    /// Without the root's.
    [[nodiscard]] std::size_t label_count() const noexcept;

    /// The text that `parse` reads, without a dot at the end; the root is ".".
    [[nodiscard]] std::string to_string() const;

    /// Whether this name is `ancestor` or lies below it.
    [[nodiscard]] bool is_within(const dns_name& ancestor) const noexcept;

    /// This name's labels followed by those of `suffix`: `errc::invalid_argument` if it gets too
    /// long.
    [[nodiscard]] result<dns_name> below(const dns_name& suffix) const;

    /// The same name with each letter in upper case where the next bit is one. Bits are used in the
    /// order of the letters, the lowest first, and again from the start after 64 letters.
    [[nodiscard]] dns_name with_case(std::uint64_t bits) const noexcept;

    /// Equality that tells upper and lower case apart.
    [[nodiscard]] bool is_identical(const dns_name& other) const noexcept;

    friend bool operator==(const dns_name& a, const dns_name& b) noexcept {
        return (a <=> b) == std::strong_ordering::equal;
    }
    friend std::strong_ordering operator<=>(const dns_name& a, const dns_name& b) noexcept;

private:
    /// Adds a label in front of the root's; false if there is no room or the label is too long.
    [[nodiscard]] bool append(std::span<const std::byte> label) noexcept;

    std::array<std::byte, max_wire_size> bytes_{};
    std::uint8_t size_ = 1;
};

struct dns_name::read_result {
    dns_name name;
    std::size_t next = 0;
};

} // namespace runnel::inline v0
