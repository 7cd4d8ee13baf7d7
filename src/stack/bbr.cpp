// SPDX-License-Identifier: Apache-2.0
#include "bbr.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

namespace {

constexpr double high_gain = 2.885;
constexpr std::array<double, 8> cycle{1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr double window_gain = 2.0;
constexpr duration minimum_rtt_window = std::chrono::seconds(10);
constexpr duration probe_time = std::chrono::milliseconds(200);
constexpr std::uint32_t least_segments = 4;
// Leaves a queue the chance to drain (as the kernel's does).
constexpr double pacing_margin = 0.99;

double seconds(duration span) noexcept {
    return std::chrono::duration<double>(span).count();
}

} // namespace

std::uint64_t bbr::bandwidth() const noexcept {
    return *std::ranges::max_element(rates_);
}

std::uint32_t bbr::target(double gain) const noexcept {
    if (minimum_rtt_ == duration::max() || bandwidth() == 0) {
        return initial_window_;
    }
    const double product = static_cast<double>(bandwidth()) * seconds(minimum_rtt_);
    // Room for what is on its way in super-segments and in acknowledgments that come together.
    const double bytes = gain * product + 3.0 * segment_size_;
    return static_cast<std::uint32_t>(
        std::clamp(bytes, double{least_segments} * segment_size_, double{unlimited}));
}

void bbr::on_ack(const congestion_sample& sample) noexcept {
    update_round(sample);
    update_bandwidth(sample);
    check_full_pipe(sample);
    update_mode(sample);
    update_minimum_rtt(sample);
    update_pacing(sample);
    update_window(sample);
}

void bbr::update_round(const congestion_sample& sample) noexcept {
    round_started_ = sample.delivery_rate > 0 && sample.prior_delivered >= round_end_;
    if (round_started_) {
        round_end_ = sample.total_delivered;
        ++round_;
        rates_[round_ % bandwidth_rounds] = 0;
        held_back_ = conserving_;
        conserving_ = false;
    }
}

void bbr::update_bandwidth(const congestion_sample& sample) noexcept {
    if (sample.delivery_rate == 0 ||
        (sample.application_limited && sample.delivery_rate < bandwidth())) {
        return;
    }
    std::uint64_t& best = rates_[round_ % bandwidth_rounds];
    best = std::max(best, sample.delivery_rate);
}

void bbr::check_full_pipe(const congestion_sample& sample) noexcept {
    // A round in which packets were conserved says nothing about what the path would carry.
    if (full_pipe_ || !round_started_ || sample.application_limited || held_back_) {
        return;
    }
    if (bandwidth() >= full_bandwidth_ + full_bandwidth_ / 4) {
        full_bandwidth_ = bandwidth();
        full_rounds_ = 0;
        return;
    }
    full_pipe_ = ++full_rounds_ >= 3;
}

void bbr::enter_probe_bandwidth(time_point now) noexcept {
    mode_ = mode::probe_bandwidth;
    window_gain_ = window_gain;
    // Any phase but the draining one; which, differs between flows by when they come here.
    phase_ = static_cast<std::uint8_t>(2 + round_ % 6);
    pacing_gain_ = cycle[phase_];
    cycle_began_ = now;
}

void bbr::update_mode(const congestion_sample& sample) noexcept {
    if (mode_ == mode::startup && full_pipe_) {
        mode_ = mode::drain;
        pacing_gain_ = 1.0 / high_gain;
        window_gain_ = high_gain;
    }
    if (mode_ == mode::drain && sample.in_flight <= target(1.0)) {
        enter_probe_bandwidth(sample.now);
    }
    if (mode_ == mode::probe_bandwidth) {
        update_gain_cycle(sample);
    }
}

void bbr::update_gain_cycle(const congestion_sample& sample) noexcept {
    const bool elapsed = sample.now - cycle_began_ > minimum_rtt_;
    bool advance = elapsed;
    if (pacing_gain_ > 1.0) {
        advance = elapsed && (sample.lost > 0 || sample.prior_in_flight >= target(pacing_gain_));
    } else if (pacing_gain_ < 1.0) {
        advance = elapsed || sample.prior_in_flight <= target(1.0);
    }
    if (advance) {
        phase_ = static_cast<std::uint8_t>((phase_ + 1U) % cycle.size());
        pacing_gain_ = cycle[phase_];
        cycle_began_ = sample.now;
    }
}

void bbr::update_minimum_rtt(const congestion_sample& sample) noexcept {
    const bool expired = sample.now - minimum_rtt_at_ > minimum_rtt_window;
    if (sample.rtt > duration::zero() && (sample.rtt <= minimum_rtt_ || expired)) {
        minimum_rtt_ = sample.rtt;
        minimum_rtt_at_ = sample.now;
    }
    if (expired && mode_ != mode::probe_round_trip && minimum_rtt_ != duration::max()) {
        mode_ = mode::probe_round_trip;
        pacing_gain_ = 1.0;
        prior_window_ = std::max(prior_window_, window_);
        probe_until_ = never;
    }
    if (mode_ != mode::probe_round_trip) {
        return;
    }
    if (probe_until_ == never && sample.in_flight <= least_segments * segment_size_) {
        probe_until_ = sample.now + probe_time;
        probe_round_done_ = false;
        round_end_ = sample.total_delivered;
    } else if (probe_until_ != never) {
        probe_round_done_ = probe_round_done_ || round_started_;
        if (probe_round_done_ && sample.now > probe_until_) {
            minimum_rtt_at_ = sample.now;
            window_ = std::max(window_, prior_window_);
            prior_window_ = 0;
            if (full_pipe_) {
                enter_probe_bandwidth(sample.now);
            } else {
                mode_ = mode::startup;
                pacing_gain_ = high_gain;
                window_gain_ = high_gain;
            }
        }
    }
}

void bbr::update_pacing(const congestion_sample& sample) noexcept {
    double rate = static_cast<double>(bandwidth()) * pacing_gain_ * pacing_margin;
    if (bandwidth() == 0) {
        if (sample.smoothed_rtt == duration::zero()) {
            return;
        }
        rate = high_gain * initial_window_ / seconds(sample.smoothed_rtt);
    }
    const auto next = static_cast<std::uint64_t>(rate);
    if (full_pipe_ || next > pacing_rate_) {
        pacing_rate_ = next;
    }
}

void bbr::update_window(const congestion_sample& sample) noexcept {
    const std::uint32_t goal = target(window_gain_);
    const std::uint32_t delivered = std::max(sample.delivered, sample.acked);
    if (sample.lost > 0 && sample.in_recovery) {
        window_ = std::max(window_ > sample.lost ? window_ - sample.lost : 0, segment_size_);
    }
    if (conserving_) {
        window_ = std::max(window_, sample.in_flight + delivered);
    } else if (full_pipe_) {
        window_ = std::min(window_ + delivered, goal);
    } else if (window_ < goal || sample.total_delivered < initial_window_) {
        window_ = std::min(window_ + delivered, unlimited);
    }
    window_ = std::max(window_, least_segments * segment_size_);
    if (mode_ == mode::probe_round_trip) {
        window_ = std::min(window_, least_segments * segment_size_);
    }
}

void bbr::on_loss(time_point /*now*/, std::uint32_t in_flight) noexcept {
    // One round of packet conservation, as the kernel's version 1 does.
    prior_window_ = std::max(prior_window_, window_);
    conserving_ = true;
    window_ = std::max(in_flight, least_segments * segment_size_);
}

void bbr::on_mark(time_point /*now*/, std::uint32_t /*in_flight*/) noexcept {}

void bbr::on_timeout(time_point /*now*/, std::uint32_t /*in_flight*/, bool /*first*/) noexcept {
    prior_window_ = std::max(prior_window_, window_);
    window_ = segment_size_;
    full_bandwidth_ = 0;
}

void bbr::on_recovered(time_point /*now*/) noexcept {
    conserving_ = false;
    if (mode_ != mode::probe_round_trip) {
        window_ = std::max(window_, prior_window_);
        prior_window_ = 0;
    }
}

void bbr::undo(time_point now) noexcept {
    on_recovered(now);
    full_rounds_ = 0;
}

void bbr::on_idle(time_point /*now*/) noexcept {
    // The rate is what is remembered; pacing keeps the first flight from being a burst.
}

congestion_memory bbr::memory() const noexcept {
    const bool known = full_pipe_ && minimum_rtt_ != duration::max();
    return {window_, threshold_, known ? static_cast<float>(bandwidth()) : 0.0F,
            known ? static_cast<float>(minimum_rtt_.count()) : 0.0F};
}

void bbr::recall(const congestion_memory& from, time_point then) noexcept {
    if (from.first <= 0) {
        return; // it begins as a new one
    }
    congestion::recall(from, then);
    rates_[round_ % bandwidth_rounds] = static_cast<std::uint64_t>(from.first);
    minimum_rtt_ = duration(static_cast<std::int64_t>(from.second));
    minimum_rtt_at_ = then;
    full_pipe_ = true;
    enter_probe_bandwidth(then);
    pacing_rate_ = static_cast<std::uint64_t>(double{from.first} * pacing_margin);
}

} // namespace runnel::inline v0::stack
