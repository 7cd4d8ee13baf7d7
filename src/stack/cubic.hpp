// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hystart.hpp"

namespace runnel::inline v0::stack {

/// CUBIC (RFC 9438): after a loss, the window follows a cubic function of the time since.
class cubic final : public congestion {
public:
    using congestion::congestion;
    [[nodiscard]] std::string_view name() const noexcept override { return "cubic"; }

    void on_ack(const congestion_sample& sample) noexcept override;
    void on_loss(time_point now, std::uint32_t in_flight) noexcept override;
    void on_mark(time_point now, std::uint32_t in_flight) noexcept override;
    void on_timeout(time_point now, std::uint32_t in_flight, bool first) noexcept override;
    void undo(time_point now) noexcept override;
    void on_idle(time_point now) noexcept override;
    [[nodiscard]] congestion_memory memory() const noexcept override;
    void recall(const congestion_memory& from, time_point then) noexcept override;

private:
    void begin_epoch(time_point now) noexcept;
    void reduce(std::uint32_t in_flight, double by) noexcept;

    // Windows in segments, as the RFC's formulas have them.
    double largest_ = 0;        // W_max
    double prior_largest_ = 0;  // the same before the last reduction, for undo
    double reno_ = 0;           // W_est
    double origin_ = 0;         // the plateau: W_max, or where the epoch began above it
    double time_to_origin_ = 0; // K, in seconds
    double fraction_ = 0;       // of a segment by which the window is to grow
    time_point epoch_{};
    bool in_epoch_ = false;
    hystart hystart_;
};

} // namespace runnel::inline v0::stack
