// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// Reads the text of an address from left to right, and words what is wrong with it.
///
/// The first thing that is wrong sticks: from then on nothing more is read, every function gives a
/// meaningless value, and `finish` the error.
class address_reader {
public:
    /// `kind` is what the whole text should be, as in "IPv4 address". Both must outlive the reader.
    address_reader(std::string_view kind, std::string_view text) noexcept
        : kind_(kind), text_(text) {}

    [[nodiscard]] bool failed() const noexcept { return !complaint_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(position_); }

    /// Takes `token` if the text goes on with it.
    bool take(std::string_view token) noexcept;
    /// Takes `token`, which has to be next.
    void expect(std::string_view token, std::string_view wanted);
    /// Takes everything that is left.
    std::string_view take_rest() noexcept;

    /// A decimal number from `lowest` to `highest` without leading zeros. `wanted` names it.
    std::uint32_t number(std::string_view wanted, std::uint32_t lowest, std::uint32_t highest);
    /// A hexadecimal number of `fewest` to `most` digits, at most 4.
    std::uint16_t hex(std::size_t fewest, std::size_t most, std::string_view wanted);
    std::uint16_t port();
    ipv4_address ipv4();
    /// Without a scope.
    ipv6_address ipv6();
    /// With a scope, if one follows as a number.
    ipv6_address scoped_ipv6();
    /// The number of an interface.
    std::uint32_t scope();

    /// Notes that `wanted` is missing at the next character, where `length` others stand instead.
    void complain(std::string_view wanted, std::size_t length = 1);

    /// `value`, if nothing was wrong and everything was read; otherwise the error.
    template <class Value>
    [[nodiscard]] result<Value> finish(const Value& value) {
        if (!rest().empty()) {
            complain("the end");
        }
        if (failed()) {
            return fail(errc::invalid_argument, std::move(complaint_));
        }
        return value;
    }

private:
    [[nodiscard]] bool at_embedded_ipv4() const noexcept;

    std::string_view kind_;
    std::string_view text_;
    std::size_t position_ = 0;
    std::string complaint_;
};

/// Writes text into memory that is known to be large enough.
class text_writer {
public:
    explicit text_writer(std::span<char> out) noexcept : begin_(out.data()), next_(begin_) {}

    void put(char c) noexcept { *next_++ = c; }
    void put(std::string_view text) noexcept { next_ += text.copy(next_, text.size()); }
    void number(std::uint32_t value, int base = 10) noexcept {
        constexpr std::size_t longest = 10;
        next_ = std::to_chars(next_, next_ + longest, value, base).ptr;
    }
    [[nodiscard]] std::string_view view() const noexcept { return {begin_, next_}; }

private:
    char* begin_;
    char* next_;
};

/// What `format_to` writes for `value`, as a string.
template <class Value>
std::string text_of(const Value& value) {
    std::array<char, Value::max_text_size> out{};
    return std::string(value.format_to(out));
}

/// Puts what `value.format_to` writes behind what `out` holds.
template <class Value>
void put(text_writer& out, const Value& value) noexcept {
    std::array<char, Value::max_text_size> text{};
    out.put(value.format_to(text));
}

} // namespace runnel::inline v0
