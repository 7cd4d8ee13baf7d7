// SPDX-License-Identifier: Apache-2.0
#pragma once

// Formatters for the library fmt, for programs that use it: errors print as their message,
// addresses as their canonical text. They take the options of strings, as in "{:>20}".

#include "runnel/core/address.hpp"
#include "runnel/core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <span>
#include <string_view>

namespace runnel::inline v0 {

/// A value that writes its text into an array of characters, as addresses do.
template <class Value>
concept writes_text = requires(const Value& value, std::array<char, Value::max_text_size> out) {
    { value.format_to(out) } -> std::same_as<std::string_view>;
};

} // namespace runnel::inline v0

template <runnel::writes_text Value>
struct fmt::formatter<Value> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const Value& value, Context& context) const {
        std::array<char, Value::max_text_size> out{};
        return fmt::formatter<std::string_view>::format(value.format_to(out), context);
    }
};

template <>
struct fmt::formatter<runnel::error> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const runnel::error& error, Context& context) const {
        return fmt::formatter<std::string_view>::format(error.message(), context);
    }
};

template <>
struct fmt::formatter<runnel::errc> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(runnel::errc code, Context& context) const {
        return fmt::formatter<std::string_view>::format(runnel::describe(code), context);
    }
};
