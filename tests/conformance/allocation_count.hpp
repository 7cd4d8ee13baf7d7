// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace runnel::conformance {

/// Whether this build counts. Sanitizers bring an allocator of their own.
[[nodiscard]] bool counts_allocations() noexcept;

/// How often this thread has asked for memory by `new` or `malloc`.
[[nodiscard]] std::uint64_t allocations() noexcept;

} // namespace runnel::conformance
