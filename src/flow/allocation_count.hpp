// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../core/sanitizer.hpp"

#include <cstdint>

namespace runnel {

/// Whether the steady state allocates nothing in this build: with the address sanitizer, frames of
/// tasks are not kept for the next ones.
inline constexpr bool steady_state_counts = !address_sanitizer;

/// How often this program has allocated memory so far, by any operator new.
[[nodiscard]] std::uint64_t allocation_count() noexcept;

} // namespace runnel
