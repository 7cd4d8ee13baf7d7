// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/file_tree.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::http {

/// A page that lists a folder: folders first, then by name. `path` is where it is, as people read
/// it, with a slash at its end. Names may hold anything: they are escaped, and every link leads to
/// a name in this folder.
[[nodiscard]] std::string folder_page(std::string_view path, std::vector<tree_entry> entries);

} // namespace runnel::inline v0::http
