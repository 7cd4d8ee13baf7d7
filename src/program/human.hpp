// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"

#include <cstdint>
#include <string>

/// Figures as people read them, with three significant digits and a unit, and errors.
namespace runnel::inline v0::program {

/// "0 B", "512 B", "1.50 KiB", "23.4 MiB".
[[nodiscard]] std::string human_bytes(double bytes);

/// The same with "/s". Nothing in no time is "0 B/s".
[[nodiscard]] std::string human_rate(std::uint64_t bytes, duration span);

/// "950 ns", "1.23 ms", "12.3 s", from a minute on "1:02:03".
[[nodiscard]] std::string human_duration(duration span);

/// "0:05", "1:02:03".
[[nodiscard]] std::string human_clock(duration span);

/// "999", "12.3k", "4.56M".
[[nodiscard]] std::string human_count(double count);

/// A number of things: "1 connection", "2 connections".
[[nodiscard]] std::string plural(std::uint64_t count, const std::string& thing);

/// An error as one clause: "connect tcp://127.0.0.1:9: connection refused".
[[nodiscard]] std::string human_error(const error& what);

/// Seconds, for arithmetic and JSON.
[[nodiscard]] double seconds(duration span) noexcept;

} // namespace runnel::inline v0::program
