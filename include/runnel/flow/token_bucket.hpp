// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <cstdint>

namespace runnel::inline v0 {

/// Says when so many bytes may pass at a mean rate with a bounded burst. Exact: it counts in
/// billionths of a byte, and a nanosecond brings `rate` of them.
class token_bucket {
public:
    /// Full at first. `rate` in bytes per second, `burst` in bytes: the most that may pass at once.
    /// Both are at least 1.
    token_bucket(std::uint64_t rate, std::uint64_t burst) noexcept;

    /// The earliest moment, not before `now`, at which `count` bytes may pass; up to `burst()`.
    /// `now` never goes back from call to call.
    [[nodiscard]] time_point ready_at(time_point now, std::uint64_t count) noexcept;
    /// Counts `count` bytes that pass. Requires `ready_at(now, count) == now`.
    void take(time_point now, std::uint64_t count) noexcept;

    [[nodiscard]] std::uint64_t burst() const noexcept { return burst_; }

private:
    void refill(time_point now) noexcept;

    std::uint64_t rate_;
    std::uint64_t burst_;
    time_point filled_ = time_point::min();
    __uint128_t level_;
};

} // namespace runnel::inline v0
