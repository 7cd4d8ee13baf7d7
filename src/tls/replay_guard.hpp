// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>

namespace runnel::inline v0::tls {

/// Remembers which ClientHellos brought early data, so that none brings it twice (RFC 8446, section
/// 8.2). One for all loops of a server. libssl refuses early data whose ClientHello seems older or
/// younger than ten seconds, so nothing has to be remembered for long.
class replay_guard {
public:
    /// The random part of a ClientHello, which nobody can change without the client's keys.
    using hello = std::array<unsigned char, 32>;

    /// Notes one. False if it was there before, or if there are too many to remember.
    [[nodiscard]] bool admit(const hello& which, time_point now);

private:
    /// Each is remembered for as long at least, and twice as long at most.
    static constexpr duration window = std::chrono::seconds(30);
    static constexpr std::size_t most = std::size_t{1} << 16;

    std::mutex mutex_;
    std::set<hello> recent_;
    std::set<hello> before_;
    time_point since_{};
};

} // namespace runnel::inline v0::tls
