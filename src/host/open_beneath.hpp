// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/host/unique_fd.hpp"

#include <optional>
#include <string>

namespace runnel::inline v0::host {

/// Opens what `path` leads to below the folder `root`, for reading, and nothing outside of it.
/// Errors: `not_found` also for what is outside, and the system's others.
[[nodiscard]] result<unique_fd> open_beneath(int root, const std::string& path);

/// The same if the system can do it without waiting for a disk; nothing otherwise.
[[nodiscard]] std::optional<result<unique_fd>> open_beneath_cached(int root,
                                                                   const std::string& path);

/// The same for systems without openat2, name by name. Follows no symbolic links.
[[nodiscard]] result<unique_fd> open_by_steps(int root, const std::string& path);

} // namespace runnel::inline v0::host
