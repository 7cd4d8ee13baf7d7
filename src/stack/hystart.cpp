// SPDX-License-Identifier: Apache-2.0
#include "hystart.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

namespace {

// RFC 9406 4.3.
constexpr duration min_threshold = std::chrono::milliseconds(4);
constexpr duration max_threshold = std::chrono::milliseconds(16);
constexpr int rtt_divisor = 8;
constexpr std::uint8_t samples_needed = 8;
constexpr std::uint32_t growth_divisor = 4;
constexpr std::uint8_t max_conservative_rounds = 5;

} // namespace

void hystart::end_round() noexcept {
    last_round_ = this_round_;
    this_round_ = duration::max();
    samples_ = 0;
    if (conservative_ && ++conservative_rounds_ >= max_conservative_rounds) {
        done_ = true;
    }
}

std::uint32_t hystart::on_ack(const congestion_sample& sample) noexcept {
    if (!started_ || sample.una >= round_end_) {
        if (started_) {
            end_round();
        }
        started_ = true;
        round_end_ = sample.next;
    }
    if (sample.rtt > duration::zero()) {
        this_round_ = std::min(this_round_, sample.rtt);
        samples_ = static_cast<std::uint8_t>(std::min(samples_ + 1, 255));
    }
    const bool enough = samples_ >= samples_needed && this_round_ != duration::max();
    if (enough && !conservative_ && last_round_ != duration::max()) {
        const duration threshold =
            std::clamp(last_round_ / rtt_divisor, min_threshold, max_threshold);
        if (this_round_ >= last_round_ + threshold) {
            baseline_ = this_round_;
            conservative_ = true;
            conservative_rounds_ = 0;
        }
    } else if (enough && conservative_ && this_round_ < baseline_) {
        conservative_ = false; // the growth was a passing one
        baseline_ = duration::max();
    }
    return conservative_ ? sample.acked / growth_divisor : sample.acked;
}

} // namespace runnel::inline v0::stack
