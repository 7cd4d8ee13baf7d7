// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// Foreign text in quotation marks, fit for a message on one line of a terminal: control
/// characters, the marks themselves and backslashes are escaped, and what is longer than `limit`
/// bytes is cut with an ellipsis.
[[nodiscard]] std::string quote(std::string_view text, std::size_t limit = 80, char mark = '\'');

} // namespace runnel::inline v0
