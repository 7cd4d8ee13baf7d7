// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

namespace runnel::inline v0::stack {

/// What is kept of an estimate while a connection rests, in nanoseconds; all 0 if there is none.
struct rtt_memory {
    float smoothed = 0;
    float variation = 0;
    float minimum = 0;
};

/// The round trip time and the retransmission timeout that follows from it (RFC 6298).
class rtt_estimator {
public:
    /// The timeout before anything was measured (RFC 6298 2.1), its bounds, and what the clock
    /// can tell apart. The RFC's lower bound of a second is what nobody uses: it says SHOULD, and
    /// spurious timeouts are detected and undone here.
    struct limits {
        duration initial = std::chrono::seconds(1);
        duration lowest = std::chrono::milliseconds(200);
        duration highest = std::chrono::seconds(60);
        duration granularity = std::chrono::milliseconds(1);
    };

    /// `bounds` must outlive the estimator.
    explicit rtt_estimator(const limits& bounds) noexcept;

    /// Takes a measurement of a segment that was sent once (Karn), and ends the backing off.
    void sample(duration measured, time_point now) noexcept;
    /// Doubles the timeout after it passed (RFC 6298 5.5).
    void back_off() noexcept;
    /// Ends the backing off.
    void restore() noexcept { backoff_ = 0; }

    [[nodiscard]] bool measured() const noexcept { return smoothed_ > duration::zero(); }
    [[nodiscard]] duration smoothed() const noexcept { return smoothed_; }
    [[nodiscard]] duration variation() const noexcept { return variation_; }
    [[nodiscard]] duration latest() const noexcept { return latest_; }
    /// The least of the last `minimum_window`.
    [[nodiscard]] duration minimum() const noexcept { return minimum_; }
    [[nodiscard]] duration timeout() const noexcept;
    [[nodiscard]] unsigned backed_off() const noexcept { return backoff_; }

    [[nodiscard]] rtt_memory memory() const noexcept;
    void recall(const rtt_memory& from, time_point then) noexcept;

    /// How long a minimum counts, before a path that became longer is believed.
    static constexpr duration minimum_window = std::chrono::minutes(5);

private:
    const limits* bounds_;
    duration smoothed_{};
    duration variation_{};
    duration latest_{};
    duration minimum_ = duration::max();
    time_point minimum_at_{};
    unsigned backoff_ = 0;
};

} // namespace runnel::inline v0::stack
