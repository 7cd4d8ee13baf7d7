// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstddef>
#include <string_view>

namespace runnel::inline v0 {

/// `endpoint "<text>": character <n>: <what>`, as `errc::invalid_argument`.
///
/// `offset` counts bytes from 0; the message counts characters from 1, as an editor does. Offsets
/// above the end of the text mean its end.
[[nodiscard]] error endpoint_error(std::string_view text, std::size_t offset,
                                   std::string_view what);

} // namespace runnel::inline v0
