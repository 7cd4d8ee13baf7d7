// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/congestion.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

/// Slow start and congestion avoidance as in RFC 5681 3.1, counting bytes (RFC 3465).
class new_reno final : public congestion {
public:
    using congestion::congestion;
    [[nodiscard]] std::string_view name() const noexcept override { return "reno"; }

    void on_ack(const congestion_sample& sample) noexcept override {
        if (!sample.window_limited || sample.in_recovery) {
            return;
        }
        if (slow_start()) {
            grow_slow_start(sample);
            return;
        }
        acked_ += sample.acked;
        if (acked_ >= window_) {
            acked_ -= window_;
            window_ = std::min(window_ + segment_size_, unlimited);
        }
    }
    void on_loss(time_point /*now*/, std::uint32_t in_flight) noexcept override {
        save();
        threshold_ = reduced(in_flight, 0.5);
        acked_ = 0;
    }
    void on_mark(time_point /*now*/, std::uint32_t in_flight) noexcept override {
        threshold_ = reduced(in_flight, 0.8); // RFC 8511 3.1
        window_ = std::min(window_, threshold_);
        acked_ = 0;
    }

private:
    std::uint32_t acked_ = 0;
};

} // namespace runnel::inline v0::stack
