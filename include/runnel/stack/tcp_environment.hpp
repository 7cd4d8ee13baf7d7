// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/tcp_config.hpp"
#include "runnel/stack/tcp_counters.hpp"

#include <cstdint>

namespace runnel::inline v0::stack {

/// Bounds the challenge ACKs of all connections together (RFC 5961 7). The bound of each second is
/// drawn anew, so that nobody can count how many others were sent by finding out when it is reached
/// (CVE-2016-5696).
class challenge_limit {
public:
    explicit challenge_limit(std::uint64_t seed) noexcept : random_(seed) {}

    /// Whether one may be sent now; counts it.
    [[nodiscard]] bool allow(time_point now) noexcept {
        if (now >= second_ends_) {
            second_ends_ = now + std::chrono::seconds(1);
            left_ = random_.between(500, 1500);
        }
        if (left_ == 0) {
            return false;
        }
        --left_;
        return true;
    }

private:
    prng random_;
    time_point second_ends_ = time_point::min();
    std::uint64_t left_ = 0;
};

/// What all connections of a stack share. It must outlive them.
struct tcp_environment {
    tcp_config config;
    tcp_counters counters;
    challenge_limit challenges{0};
};

} // namespace runnel::inline v0::stack
