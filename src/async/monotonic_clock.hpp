// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <ctime>

namespace runnel::inline v0 {

/// The system's monotonic clock: the time of every loop that is not virtual.
[[nodiscard]] inline time_point monotonic_now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec));
}

/// A span of time as system calls take it; not less than nothing.
[[nodiscard]] inline timespec to_timespec(duration span) noexcept {
    const duration left = span > duration::zero() ? span : duration::zero();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    return {seconds.count(), (left - seconds).count()};
}

} // namespace runnel::inline v0
