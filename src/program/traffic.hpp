// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace runnel::inline v0::program {

/// What a server has done so far.
struct traffic {
    std::uint64_t accepted = 0;
    std::uint64_t active = 0;
    std::uint64_t failed = 0;
    std::uint64_t bytes_in = 0;  ///< from clients
    std::uint64_t bytes_out = 0; ///< to them

    traffic& operator+=(const traffic& other) noexcept {
        accepted += other.accepted;
        active += other.active;
        failed += other.failed;
        bytes_in += other.bytes_in;
        bytes_out += other.bytes_out;
        return *this;
    }
};

} // namespace runnel::inline v0::program
