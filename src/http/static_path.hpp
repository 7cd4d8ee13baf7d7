// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/http/status.hpp"

#include <expected>
#include <string>
#include <string_view>

namespace runnel::inline v0::http {

/// Where the path of a request leads in a tree of files.
struct static_path {
    std::string name;    ///< names with `/` between them, all encoding undone; empty: the root
    bool folder = false; ///< it ended with a slash
};

/// Reads the path of a target. Percent-encoding is undone once, in each name by itself, so that no
/// encoded slash separates names; then dots are resolved.
///
/// 400 for what is malformed or leads above the root, 404 for what no file can have as its name,
/// and for names that begin with a dot unless `hidden`; `.well-known` (RFC 8615) is not hidden.
[[nodiscard]] std::expected<static_path, status> parse_static_path(std::string_view path,
                                                                   bool hidden);

/// The path as it is sent: with a slash in front, and one behind if it is a folder.
[[nodiscard]] std::string spell_path(const static_path& path);

/// Percent-encodes a name for use in a path or a link.
[[nodiscard]] std::string encode_name(std::string_view name);

} // namespace runnel::inline v0::http
