// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"

#include <cstdint>

namespace runnel::inline v0 {

/// Finds out what kind of file `fd` is, adding the system calls it takes to `calls`.
[[nodiscard]] descriptor_kind find_kind(int fd, std::uint64_t& calls) noexcept;

} // namespace runnel::inline v0
