// SPDX-License-Identifier: Apache-2.0
#include "address_text.hpp"

#include <algorithm>
#include <optional>

namespace runnel::inline v0 {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view hex_digits = "0123456789abcdefABCDEF";

/// How much of the input an error quotes: more than any address that is right.
constexpr std::size_t quoted_size = 64;

/// How many characters `text` begins with that are among `set`.
std::size_t run_of(std::string_view set, std::string_view text) noexcept {
    return std::min(text.find_first_not_of(set), text.size());
}

/// `text` between quotes, shortened, and with everything but printable ASCII escaped.
std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text.substr(0, quoted_size)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != quote && c != '\\') {
            out += c;
        } else {
            out += "\\x";
            out += hex_digits[byte >> 4U];
            out += hex_digits[byte & 0xfU];
        }
    }
    out += text.size() > quoted_size ? "..." : "";
    return out + quote;
}

} // namespace

void address_reader::complain(std::string_view wanted, std::size_t length) {
    if (failed()) {
        return;
    }
    complaint_ = std::string(kind_) + ' ' + quoted(text_, '"') + ", character " +
                 std::to_string(position_ + 1) + ": expected " + std::string(wanted) + ", found ";
    const std::string_view found = rest().substr(0, length);
    if (found.empty()) {
        complaint_ += "the end";
    } else {
        complaint_ += quoted(found, length > 1 ? '"' : '\'');
    }
}

bool address_reader::take(std::string_view token) noexcept {
    if (failed() || !rest().starts_with(token)) {
        return false;
    }
    position_ += token.size();
    return true;
}

void address_reader::expect(std::string_view token, std::string_view wanted) {
    if (!take(token)) {
        complain(wanted);
    }
}

std::string_view address_reader::take_rest() noexcept {
    const std::string_view taken = failed() ? std::string_view() : rest();
    position_ += taken.size();
    return taken;
}

std::uint32_t address_reader::number(std::string_view wanted, std::uint32_t lowest,
                                     std::uint32_t highest) {
    const std::string_view run = rest().substr(0, run_of(digits, rest()));
    std::uint32_t value = 0;
    const auto parsed = std::from_chars(run.data(), run.data() + run.size(), value);
    if (parsed.ec != std::errc() || value < lowest || value > highest) {
        complain(std::string(wanted) + " from " + std::to_string(lowest) + " to " +
                     std::to_string(highest),
                 std::max(run.size(), std::size_t{1}));
    } else if (run.size() > 1 && run.front() == '0') {
        complain(std::string(wanted) + " without leading zeros", run.size());
    }
    position_ += failed() ? 0 : run.size();
    return value;
}

std::uint16_t address_reader::hex(std::size_t fewest, std::size_t most, std::string_view wanted) {
    const std::string_view run = rest().substr(0, run_of(hex_digits, rest()));
    std::uint16_t value = 0;
    if (run.size() < fewest || run.size() > most) {
        complain(wanted, std::max(run.size(), std::size_t{1}));
    } else {
        std::from_chars(run.data(), run.data() + run.size(), value, 16);
    }
    position_ += failed() ? 0 : run.size();
    return value;
}

std::uint16_t address_reader::port() {
    return static_cast<std::uint16_t>(number("a port", 0, 0xffff));
}

std::uint32_t address_reader::scope() {
    return number("an interface number", 1, 0xffff'ffff);
}

ipv4_address address_reader::ipv4() {
    std::uint32_t address = 0;
    for (int part = 0; part < 4; ++part) {
        if (part > 0) {
            expect(".", "'.'");
        }
        address = address << 8U | number("a number", 0, 255);
    }
    return ipv4_address(address);
}

bool address_reader::at_embedded_ipv4() const noexcept {
    return rest().substr(run_of(digits, rest())).starts_with('.');
}

ipv6_address address_reader::ipv6() {
    std::array<std::uint16_t, 8> groups{};
    std::size_t count = 0;
    std::optional<std::size_t> gap; // how many groups stand in front of "::"
    // The gap stands for at least one group (RFC 4291 2.2).
    const auto room = [&] { return groups.size() - count - (gap ? 1 : 0); };

    if (take("::")) {
        gap = 0;
    }
    while (!failed() && room() > 0) {
        if (gap == count && run_of(hex_digits, rest()) == 0) {
            break; // nothing need follow "::"
        }
        if (room() >= 2 && at_embedded_ipv4()) {
            const std::uint32_t embedded = ipv4().number();
            groups[count++] = static_cast<std::uint16_t>(embedded >> 16U);
            groups[count++] = static_cast<std::uint16_t>(embedded);
            break;
        }
        groups[count++] = hex(1, 4, "one to four hexadecimal digits");
        if (room() > 0 && !gap && take("::")) {
            gap = count;
        } else if (room() > 0 && !take(":")) {
            break;
        }
    }
    if (!gap && count < groups.size()) {
        complain("':' and " + std::to_string(groups.size()) + " groups in all, or \"::\"");
        return {};
    }
    if (gap) {
        std::shift_right(groups.begin() + static_cast<std::ptrdiff_t>(*gap), groups.end(),
                         static_cast<std::ptrdiff_t>(groups.size() - count));
        std::fill_n(groups.begin() + static_cast<std::ptrdiff_t>(*gap), groups.size() - count,
                    std::uint16_t{0});
    }
    ipv6_address::byte_array bytes{};
    for (std::size_t i = 0; i < groups.size(); ++i) {
        store_be16(bytes.data() + 2 * i, groups[i]);
    }
    return ipv6_address(bytes);
}

ipv6_address address_reader::scoped_ipv6() {
    const ipv6_address address = ipv6();
    return take("%") ? address.with_scope(scope()) : address;
}

} // namespace runnel::inline v0
