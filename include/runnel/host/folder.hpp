// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/file_tree.hpp"

#include <memory>
#include <string>

namespace runnel::inline v0::host {

/// Opens a folder of the system as a tree of files, which also loops other than this one may use,
/// each for itself. Symbolic links are followed as long as they stay inside, whoever replaces what
/// meanwhile: the system itself sees to it (openat2, RESOLVE_BENEATH). Where it has no such call,
/// they are not followed at all.
///
/// What the system has in memory is read at once; for anything else the calls run on the thread
/// pool, so that a slow disk does not hold the loop up. Opening waits for no writer of a named
/// pipe, and nothing is written.
///
/// Errors: `not_found`, `permission_denied`, `invalid_argument` (not a folder), `limit_exceeded`.
[[nodiscard]] result<std::unique_ptr<file_tree>> open_folder(const std::string& path);

} // namespace runnel::inline v0::host
