// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace runnel::inline v0 {

/// Prints the broken rule and the place, and ends the process.
[[noreturn]] void check_failed(const char* rule, const char* file, int line) noexcept;

/// Stops the process when a rule that the program itself must keep is broken: never for anything
/// that a peer, a file or a command line can cause. Stays on in release builds.
constexpr void check(bool holds, const char* rule, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE()) noexcept {
    if (!holds) [[unlikely]] {
        check_failed(rule, file, line);
    }
}

} // namespace runnel::inline v0
