// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"

#include <cstdint>
#include <string_view>

namespace runnel::inline v0::program {

/// The processor time that a process has used, in itself and for it in the kernel, to 10 ms.
/// Errors: `not_found`.
[[nodiscard]] result<duration> processor_time(std::uint64_t pid);

/// The same out of the text of /proc/PID/stat, of `ticks` to the second.
[[nodiscard]] result<duration> parse_processor_time(std::string_view stat, long ticks);

} // namespace runnel::inline v0::program
