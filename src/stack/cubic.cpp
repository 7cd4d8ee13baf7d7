// SPDX-License-Identifier: Apache-2.0
#include "cubic.hpp"

#include <algorithm>
#include <cmath>

namespace runnel::inline v0::stack {

namespace {

constexpr double scale = 0.4;        // C, RFC 9438 5
constexpr double factor = 0.7;       // beta, RFC 9438 4.6
constexpr double mark_factor = 0.85; // RFC 8511 3.1
// RFC 9438 4.3: what makes Reno's average window with this beta the same as with one half.
constexpr double reno_growth = 3.0 * (1.0 - factor) / (1.0 + factor);

double seconds(duration span) noexcept {
    return std::chrono::duration<double>(span).count();
}

} // namespace

void cubic::begin_epoch(time_point now) noexcept {
    const double window = static_cast<double>(window_) / segment_size_;
    epoch_ = now;
    in_epoch_ = true;
    reno_ = window;
    fraction_ = 0;
    origin_ = std::max(largest_, window);
    time_to_origin_ = std::cbrt((origin_ - window) / scale);
}

void cubic::on_ack(const congestion_sample& sample) noexcept {
    if (!sample.window_limited || sample.in_recovery || sample.acked == 0) {
        return;
    }
    if (slow_start()) {
        if (threshold_ == unlimited) {
            congestion_sample allowed = sample;
            allowed.acked = hystart_.on_ack(sample);
            grow_slow_start(allowed);
            if (hystart_.done()) {
                threshold_ = window_;
            }
        } else {
            grow_slow_start(sample);
        }
        return;
    }
    if (!in_epoch_) {
        begin_epoch(sample.now);
    }
    const double window = static_cast<double>(window_) / segment_size_;
    const double acked = static_cast<double>(sample.acked) / segment_size_;
    reno_ += (reno_ < origin_ ? reno_growth : 1.0) * acked / window;
    const double time = seconds(sample.now - epoch_ + sample.smoothed_rtt) - time_to_origin_;
    // RFC 9438 4.2: a round trip ahead, and not beyond one and a half times the window in it.
    const double target = std::clamp(scale * time * time * time + origin_, window, 1.5 * window);
    fraction_ += (target - window) / window * acked;
    double grown = 0;
    if (fraction_ >= 1.0) {
        grown = std::floor(fraction_);
        fraction_ -= grown;
    }
    const double next = std::max(window + grown, std::floor(reno_));
    window_ = static_cast<std::uint32_t>(std::min(next * segment_size_, double{unlimited}));
}

void cubic::reduce(std::uint32_t in_flight, double by) noexcept {
    const double window = static_cast<double>(std::min(window_, in_flight)) / segment_size_;
    prior_largest_ = largest_;
    // RFC 9438 4.7, fast convergence: a window that shrinks leaves room to others.
    largest_ = window < largest_ ? window * (1.0 + by) / 2.0 : window;
    threshold_ = reduced(in_flight, by);
    in_epoch_ = false;
}

void cubic::on_loss(time_point /*now*/, std::uint32_t in_flight) noexcept {
    save();
    reduce(in_flight, factor);
}

void cubic::on_mark(time_point /*now*/, std::uint32_t in_flight) noexcept {
    reduce(in_flight, mark_factor);
    window_ = std::min(window_, threshold_);
}

void cubic::on_timeout(time_point /*now*/, std::uint32_t in_flight, bool first) noexcept {
    if (first) {
        save();
        reduce(in_flight, factor);
    }
    window_ = segment_size_;
    in_epoch_ = false;
    hystart_.restart();
}

void cubic::undo(time_point now) noexcept {
    congestion::undo(now);
    largest_ = std::max(largest_, prior_largest_);
    in_epoch_ = false;
}

void cubic::on_idle(time_point now) noexcept {
    congestion::on_idle(now);
    in_epoch_ = false; // RFC 9438 5.8: the time without data is no time to grow
}

congestion_memory cubic::memory() const noexcept {
    return {window_, threshold_, static_cast<float>(largest_), 0};
}

void cubic::recall(const congestion_memory& from, time_point then) noexcept {
    congestion::recall(from, then);
    largest_ = prior_largest_ = double{from.first};
}

} // namespace runnel::inline v0::stack
