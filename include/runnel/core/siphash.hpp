// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0 {

/// The secret key of `siphash`.
struct siphash_key {
    std::uint64_t first = 0;
    std::uint64_t second = 0;

    /// A new key that nobody can foresee; see `secure_random`.
    [[nodiscard]] static siphash_key generate() noexcept;

    friend constexpr bool operator==(const siphash_key&, const siphash_key&) noexcept = default;
};

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of `bytes`: a hash that nobody without the key can
/// foresee or make collide. For tables that strangers fill, initial sequence numbers (RFC 6528),
/// ports (RFC 6056) and cookies. It is no substitute for a cryptographic hash of large data.
[[nodiscard]] std::uint64_t siphash(const siphash_key& key,
                                    std::span<const std::byte> bytes) noexcept;

} // namespace runnel::inline v0
