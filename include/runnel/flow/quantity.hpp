// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// Numbers, sizes and durations as people write them on a command line or in an endpoint.
///
/// All parsers take the whole text: no sign, no white space, nothing behind. A text that does not
/// fit gives `errc::invalid_argument`, whose text says what was expected and quotes what came
/// instead.
namespace runnel::inline v0 {

/// A whole number in decimal digits, up to 2^64 - 1.
[[nodiscard]] result<std::uint64_t> parse_integer(std::string_view text);

/// A number of bytes: digits and, without a space, one of these suffixes in upper or lower case.
///
/// `k`, `m`, `g`, `t` and `KiB`, `MiB`, `GiB`, `TiB` count in steps of 1024; `kB`, `MB`, `GB`, `TB`
/// in steps of 1000; `B` or nothing is bytes. Up to 2^64 - 1.
[[nodiscard]] result<std::uint64_t> parse_bytes(std::string_view text);

/// A span of time: numbers with their units from `d`, `h`, `m` (minutes), `s`, `ms`, `us`, `ns`,
/// the largest unit first and each at most once, as in `10s`, `250ms`, `1m30s`, `1.5s`.
///
/// A plain `0` needs no unit; every other number does, so that nobody mistakes seconds for
/// milliseconds. A fraction is cut off at whole nanoseconds. Never negative; up to 2^63 - 1 ns
/// (292 years).
[[nodiscard]] result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Writes a number of bytes so that `parse_bytes` gives it back, with the largest of the suffixes
/// `KiB` to `TiB` that leaves a whole number: `65536` is "64KiB", `1000` is "1000".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// Writes a duration so that `parse_duration` gives it back: "0s", "1m30s", "2s500ms". A negative
/// one gets a "-" in front, which `parse_duration` does not take.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

} // namespace runnel::inline v0
