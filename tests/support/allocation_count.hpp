// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace runnel {

/// Whether this build counts. Sanitizers bring an allocator of their own, and keep no memory for
/// the next use.
[[nodiscard]] bool counts_allocations() noexcept;

/// How often this thread has asked for memory by `new`; always 0 in a build that does not count.
[[nodiscard]] std::uint64_t allocation_count() noexcept;

} // namespace runnel
