// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace runnel::inline v0::http {

/// The media type of a file by its name, as `Content-Type` takes it, text with its character set:
/// `text/html; charset=utf-8` for `index.html`. `application/octet-stream` for endings that are not
/// known.
[[nodiscard]] std::string_view media_type_of(std::string_view name) noexcept;

} // namespace runnel::inline v0::http
