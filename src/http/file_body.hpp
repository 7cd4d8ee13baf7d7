// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/file_tree.hpp"
#include "runnel/http/range.hpp"
#include "runnel/http/response.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace runnel::inline v0::http {

/// Files up to this size are read before they are sent, together with the head.
inline constexpr std::uint64_t small_file = std::uint64_t{64} << 10U;

/// An answer whose body is a part of a file, read while it is sent. A file that has become shorter
/// meanwhile gives a body that is cut.
[[nodiscard]] response file_response(status code, std::string_view type,
                                     std::unique_ptr<tree_file> file, byte_range part);

/// Many parts as `multipart/byteranges` (RFC 9110, section 14.6). `type` and `size` are the file's,
/// `boundary` is something that it does not contain.
[[nodiscard]] response parts_response(std::string_view type, std::uint64_t size,
                                      std::unique_ptr<tree_file> file,
                                      std::span<const byte_range> parts, std::string boundary);

/// An answer to HEAD for a body of this size, which is not read.
[[nodiscard]] response empty_response(status code, std::string_view type, std::uint64_t size);

/// The value of `Content-Range`.
[[nodiscard]] std::string content_range(const byte_range& part, std::uint64_t size);

} // namespace runnel::inline v0::http
