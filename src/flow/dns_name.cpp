// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_name.hpp"

#include "quote.hpp"
#include "runnel/core/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace runnel::inline v0 {
namespace {

/// Of a message (RFC 1035, section 4.1.1); no name begins before its end.
constexpr std::size_t header_size = 12;

/// An honest pointer leads to one label at least, and no name has more than this. Without a bound,
/// a message full of pointers to pointers would cost the square of its size.
constexpr std::size_t most_jumps = 127;

constexpr std::byte lower(std::byte b) noexcept {
    return b >= std::byte{'A'} && b <= std::byte{'Z'} ? b | std::byte{0x20} : b;
}

constexpr bool is_letter(std::byte b) noexcept {
    return lower(b) >= std::byte{'a'} && lower(b) <= std::byte{'z'};
}

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

/// Takes one character of a label, escaped or not, from the front of `text`.
std::optional<std::byte> take_character(std::string_view& text) noexcept {
    if (text.front() != '\\') {
        const auto plain = static_cast<unsigned char>(text.front());
        text.remove_prefix(1);
        return plain < 0x80 ? std::optional(std::byte{plain}) : std::nullopt;
    }
    if (text.size() >= 4 && std::ranges::all_of(text.substr(1, 3), is_digit)) {
        const int number = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
        text.remove_prefix(4);
        return number < 256 ? std::optional(static_cast<std::byte>(number)) : std::nullopt;
    }
    if (text.size() < 2 || is_digit(text[1])) {
        return std::nullopt;
    }
    const auto escaped = static_cast<std::byte>(text[1]);
    text.remove_prefix(2);
    return escaped;
}

std::unexpected<error> malformed(std::size_t offset, std::string_view what) {
    return fail(errc::protocol_error, fmt::format("DNS name at byte {}: {}", offset, what));
}

} // namespace

bool dns_name::append(std::span<const std::byte> label) noexcept {
    if (label.empty() || label.size() > max_label_size ||
        size_ + label.size() + 1 > max_wire_size) {
        return false;
    }
    const std::size_t at = size_ - 1U; // over the root, which moves behind
    bytes_[at] = static_cast<std::byte>(label.size());
    std::ranges::copy(label, bytes_.begin() + static_cast<std::ptrdiff_t>(at + 1));
    size_ = static_cast<std::uint8_t>(size_ + label.size() + 1);
    bytes_[size_ - 1U] = std::byte{0};
    return true;
}

result<dns_name> dns_name::parse(std::string_view text) {
    dns_name name;
    if (text == ".") {
        return name;
    }
    std::string_view rest = text;
    while (!rest.empty()) {
        std::array<std::byte, max_label_size> label{};
        std::size_t size = 0;
        while (!rest.empty() && rest.front() != '.') {
            const auto character = take_character(rest);
            if (!character || size == label.size()) {
                return fail(errc::invalid_argument,
                            fmt::format("{} is no domain name: {}", quote(text, 255),
                                        character ? "a label is longer than 63 bytes"
                                                  : "expected ASCII characters"));
            }
            label[size++] = *character;
        }
        if (size == 0 || !name.append(std::span(label).first(size))) {
            return fail(errc::invalid_argument,
                        fmt::format("{} is no domain name: {}", quote(text, 255),
                                    size == 0 ? "a label is empty" : "longer than 255 bytes"));
        }
        rest.remove_prefix(rest.empty() ? 0 : 1);
    }
    if (name.is_root()) {
        return fail(errc::invalid_argument, "'' is no domain name");
    }
    return name;
}

dns_name dns_name::reverse(const ip_address& address) {
    std::string text;
    if (address.is_v4()) {
        const std::uint32_t number = address.v4().number();
        text = fmt::format("{}.{}.{}.{}.in-addr.arpa", number & 0xFFU, number >> 8U & 0xFFU,
                           number >> 16U & 0xFFU, number >> 24U);
    } else {
        for (const std::byte b : address.v6().bytes()) {
            const auto value = std::to_integer<unsigned>(b);
            text.insert(0, fmt::format("{:x}.{:x}.", value & 0xFU, value >> 4U));
        }
        text += "ip6.arpa";
    }
    return *parse(text);
}

result<dns_name::read_result> dns_name::read(std::span<const std::byte> message, std::size_t offset,
                                             std::size_t end) {
    check(end <= message.size(), "the end of a name's room lies in its message");
    read_result read;
    std::size_t jumps = 0;
    std::size_t segment = offset; // where the labels being read began
    std::size_t at = offset;
    while (true) {
        const std::size_t room = jumps > 0 ? message.size() : end;
        if (at >= room) {
            return malformed(offset, "cut off");
        }
        const auto length = std::to_integer<std::size_t>(message[at]);
        if (length == 0) {
            read.next = jumps > 0 ? read.next : at + 1;
            return read;
        }
        if ((length & 0xC0U) == 0xC0U) {
            if (room - at < 2) {
                return malformed(offset, "cut off");
            }
            const std::size_t target = load_be16(message, at) & 0x3FFFU;
            if (target >= segment || target < header_size) {
                return malformed(offset, "a compression pointer does not lead to an earlier name");
            }
            read.next = jumps > 0 ? read.next : at + 2;
            if (++jumps > most_jumps) {
                return malformed(offset, "too many compression pointers");
            }
            segment = target;
            at = target;
            continue;
        }
        if (length > max_label_size) {
            return malformed(offset, "unknown kind of label");
        }
        if (room - at <= length) {
            return malformed(offset, "cut off");
        }
        if (!read.name.append(message.subspan(at + 1, length))) {
            return malformed(offset, "longer than 255 bytes");
        }
        at += 1 + length;
    }
}

std::size_t dns_name::label_count() const noexcept {
    std::size_t count = 0;
    for (std::size_t at = 0; bytes_[at] != std::byte{0}; ++count) {
        at += 1 + std::to_integer<std::size_t>(bytes_[at]);
    }
    return count;
}

std::string dns_name::to_string() const {
    std::string text;
    for (std::size_t at = 0; bytes_[at] != std::byte{0};) {
        const auto length = std::to_integer<std::size_t>(bytes_[at]);
        text += at == 0 ? "" : ".";
        for (const std::byte b : std::span(bytes_).subspan(at + 1, length)) {
            const char c = static_cast<char>(b);
            if (c == '.' || c == '\\') {
                text += '\\';
                text += c;
            } else if (c <= ' ' || c > '~') {
                text += fmt::format("\\{:03}", std::to_integer<unsigned>(b));
            } else {
                text += c;
            }
        }
        at += 1 + length;
    }
    return text.empty() ? "." : text;
}

bool dns_name::is_within(const dns_name& ancestor) const noexcept {
    std::size_t at = 0;
    while (size_ - at > ancestor.size_) {
        at += 1 + std::to_integer<std::size_t>(bytes_[at]);
    }
    return std::ranges::equal(wire().subspan(at), ancestor.wire(), {}, lower, lower);
}

result<dns_name> dns_name::below(const dns_name& suffix) const {
    dns_name whole = *this;
    for (std::size_t at = 0; suffix.bytes_[at] != std::byte{0};) {
        const auto length = std::to_integer<std::size_t>(suffix.bytes_[at]);
        if (!whole.append(std::span(suffix.bytes_).subspan(at + 1, length))) {
            return fail(errc::invalid_argument,
                        fmt::format("'{}' below '{}' is longer than 255 bytes", to_string(),
                                    suffix.to_string()));
        }
        at += 1 + length;
    }
    return whole;
}

dns_name dns_name::with_case(std::uint64_t bits) const noexcept {
    dns_name changed = *this;
    for (std::size_t at = 0, letters = 0; bytes_[at] != std::byte{0};) {
        const auto length = std::to_integer<std::size_t>(bytes_[at]);
        for (std::byte& b : std::span(changed.bytes_).subspan(at + 1, length)) {
            if (is_letter(b)) {
                const bool upper = (bits >> (letters++ % 64) & 1U) != 0;
                b = upper ? lower(b) ^ std::byte{0x20} : lower(b);
            }
        }
        at += 1 + length;
    }
    return changed;
}

bool dns_name::is_identical(const dns_name& other) const noexcept {
    return std::ranges::equal(wire(), other.wire());
}

std::strong_ordering operator<=>(const dns_name& a, const dns_name& b) noexcept {
    // Lengths of labels are below 64 and so never taken for letters.
    return std::lexicographical_compare_three_way(
        a.wire().begin(), a.wire().end(), b.wire().begin(), b.wire().end(),
        [](std::byte x, std::byte y) { return lower(x) <=> lower(y); });
}

} // namespace runnel::inline v0
