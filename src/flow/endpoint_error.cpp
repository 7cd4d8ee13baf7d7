// SPDX-License-Identifier: Apache-2.0
#include "endpoint_error.hpp"

#include "quote.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0 {

error endpoint_error(std::string_view text, std::size_t offset, std::string_view what) {
    constexpr std::size_t longest_shown = 200;
    const auto characters_before = std::ranges::count_if(text.substr(0, offset), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; // UTF-8's first bytes
    });
    return {errc::invalid_argument,
            fmt::format("endpoint {}: character {}: {}", quote(text, longest_shown, '"'),
                        characters_before + 1, what)};
}

} // namespace runnel::inline v0
