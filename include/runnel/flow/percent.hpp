// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// Replaces each `%XX` by the byte it stands for (RFC 3986, section 2.1). All other bytes, also
/// `+`, stay as they are. The error is the offset of the first `%` that is not followed by two
/// hexadecimal digits.
[[nodiscard]] std::expected<std::string, std::size_t> percent_decode(std::string_view text);

/// Writes `%XX` for the percent sign, control characters (below 0x20, and 0x7F) and each character
/// of `reserved`. What `percent_decode` makes of it is `text` again.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view reserved);

} // namespace runnel::inline v0
