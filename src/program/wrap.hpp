// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {

/// Columns that a text takes on a terminal: its code points, each counted as one.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

/// Breaks `text` at spaces so that no line is wider than `width` where it can be avoided; every
/// line starts with `indent` spaces. The first line starts with `first` instead, where that fits in
/// the indent; otherwise `first` gets a line of its own. Ends with a new line.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t indent, std::size_t width,
                               std::string_view first = {});

} // namespace runnel::inline v0::program
