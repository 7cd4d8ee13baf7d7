// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0 {

/// CRC32c (RFC 4960, appendix B) of the bytes so far and `bytes`; begins with 0 for no bytes so
/// far.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t so_far, std::span<const std::byte> bytes) noexcept;

} // namespace runnel::inline v0
