// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/congestion.hpp"

#include "bbr.hpp"
#include "cubic.hpp"
#include "new_reno.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

std::uint32_t congestion::reduced(std::uint32_t in_flight, double factor) const noexcept {
    const auto part = static_cast<std::uint32_t>(static_cast<double>(in_flight) * factor);
    return std::max(part, 2 * segment_size_);
}

void congestion::save() noexcept {
    prior_window_ = window_;
    prior_threshold_ = threshold_;
}

void congestion::grow_slow_start(const congestion_sample& sample) noexcept {
    // By all that was acknowledged, not by at most two segments as RFC 3465 2.3 has it: receivers
    // acknowledge whole bursts at once today, and we answer in bursts anyway.
    window_ = std::min(window_ + sample.acked, std::max(threshold_, window_));
    window_ = std::min(window_, unlimited);
}

void congestion::on_timeout(time_point /*now*/, std::uint32_t in_flight, bool first) noexcept {
    if (first) {
        save();
        threshold_ = reduced(in_flight, 0.5);
    }
    window_ = segment_size_;
}

void congestion::on_recovered(time_point /*now*/) noexcept {
    window_ = std::min(window_, threshold_);
}

void congestion::undo(time_point /*now*/) noexcept {
    window_ = std::max(window_, prior_window_);
    threshold_ = std::max(threshold_, prior_threshold_);
}

void congestion::on_idle(time_point /*now*/) noexcept {
    window_ = std::min(window_, initial_window_);
}

std::unique_ptr<congestion> make_congestion(congestion_kind kind, std::uint32_t segment_size,
                                            std::uint32_t initial_window) {
    switch (kind) {
    case congestion_kind::new_reno:
        return std::make_unique<new_reno>(segment_size, initial_window);
    case congestion_kind::bbr:
        return std::make_unique<bbr>(segment_size, initial_window);
    case congestion_kind::cubic:
        break;
    }
    return std::make_unique<cubic>(segment_size, initial_window);
}

} // namespace runnel::inline v0::stack
