// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace runnel::inline v0 {

/// All spans of time are in nanoseconds; any `std::chrono` duration converts.
using duration = std::chrono::nanoseconds;

/// The clock of a loop: the system's monotonic clock, or virtual time. Deliberately without
/// `now()`: only a loop knows the time, by `loop::now()`.
struct loop_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<loop_clock>;
    static constexpr bool is_steady = true;
};

/// A moment of a loop's clock. Moments of different loops compare only if both are real.
using time_point = loop_clock::time_point;

/// A moment of civil time, for dates that people and protocols tell: `loop::wall_now()`. It may be
/// set, so that it jumps; deadlines are moments of the loop's clock.
using wall_time = std::chrono::sys_time<duration>;

/// The moment that never comes: no deadline.
inline constexpr time_point never = time_point::max();

/// `start + span` without overflow: ends at `never`.
[[nodiscard]] constexpr time_point saturating_add(time_point start, duration span) noexcept {
    return span > never - start ? never : start + span;
}

} // namespace runnel::inline v0
