// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/rtt_estimator.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

namespace {

constexpr unsigned max_backoff = 16; // beyond the highest timeout from any lowest one

} // namespace

rtt_estimator::rtt_estimator(const limits& bounds) noexcept : bounds_(&bounds) {}

void rtt_estimator::sample(duration measured, time_point now) noexcept {
    // Nothing takes no time: a clock that is too coarse to tell must not make everything 0.
    latest_ = std::max(measured, duration(1));
    if (latest_ <= minimum_ || now - minimum_at_ > minimum_window) {
        minimum_ = latest_;
        minimum_at_ = now;
    }
    if (!this->measured()) {
        smoothed_ = latest_; // RFC 6298 2.2
        variation_ = latest_ / 2;
    } else {
        const duration error = smoothed_ > latest_ ? smoothed_ - latest_ : latest_ - smoothed_;
        variation_ += (error - variation_) / 4; // RFC 6298 2.3
        smoothed_ += (latest_ - smoothed_) / 8;
        smoothed_ = std::max(smoothed_, duration(1));
    }
    backoff_ = 0;
}

void rtt_estimator::back_off() noexcept {
    backoff_ = std::min(backoff_ + 1, max_backoff);
}

rtt_memory rtt_estimator::memory() const noexcept {
    if (!measured()) {
        return {};
    }
    return {static_cast<float>(smoothed_.count()), static_cast<float>(variation_.count()),
            static_cast<float>(minimum_.count())};
}

void rtt_estimator::recall(const rtt_memory& from, time_point then) noexcept {
    if (from.smoothed <= 0) {
        return;
    }
    smoothed_ = latest_ = duration(static_cast<std::int64_t>(from.smoothed));
    variation_ = duration(static_cast<std::int64_t>(from.variation));
    minimum_ = duration(static_cast<std::int64_t>(from.minimum));
    minimum_at_ = then;
}

duration rtt_estimator::timeout() const noexcept {
    const duration plain =
        measured() ? smoothed_ + std::max(bounds_->granularity, 4 * variation_) : bounds_->initial;
    const duration bounded = std::clamp(plain, bounds_->lowest, bounds_->highest);
    return std::min(bounded * (std::int64_t{1} << backoff_), bounds_->highest);
}

} // namespace runnel::inline v0::stack
