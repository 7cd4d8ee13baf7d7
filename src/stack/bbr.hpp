// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/congestion.hpp"

#include <array>

namespace runnel::inline v0::stack {

/// BBR, version 1 (Cardwell et al., draft-cardwell-iccrg-bbr-congestion-control-00): sends at the
/// highest rate of delivery that was seen lately and keeps about two of its round trips in flight,
/// whatever gets lost.
class bbr final : public congestion {
public:
    bbr(std::uint32_t segment_size, std::uint32_t initial_window) noexcept
        : congestion(segment_size, initial_window) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "bbr"; }

    void on_ack(const congestion_sample& sample) noexcept override;
    void on_loss(time_point now, std::uint32_t in_flight) noexcept override;
    void on_mark(time_point now, std::uint32_t in_flight) noexcept override;
    void on_timeout(time_point now, std::uint32_t in_flight, bool first) noexcept override;
    void on_recovered(time_point now) noexcept override;
    void undo(time_point now) noexcept override;
    void on_idle(time_point now) noexcept override;
    [[nodiscard]] congestion_memory memory() const noexcept override;
    void recall(const congestion_memory& from, time_point then) noexcept override;
    [[nodiscard]] bool owns_recovery() const noexcept override { return true; }
    [[nodiscard]] std::uint64_t pacing_rate() const noexcept override { return pacing_rate_; }

private:
    enum class mode : std::uint8_t { startup, drain, probe_bandwidth, probe_round_trip };

    void update_round(const congestion_sample& sample) noexcept;
    void update_bandwidth(const congestion_sample& sample) noexcept;
    void check_full_pipe(const congestion_sample& sample) noexcept;
    void update_mode(const congestion_sample& sample) noexcept;
    void update_gain_cycle(const congestion_sample& sample) noexcept;
    void update_minimum_rtt(const congestion_sample& sample) noexcept;
    void update_window(const congestion_sample& sample) noexcept;
    void update_pacing(const congestion_sample& sample) noexcept;
    void enter_probe_bandwidth(time_point now) noexcept;
    [[nodiscard]] std::uint64_t bandwidth() const noexcept;
    [[nodiscard]] std::uint32_t target(double gain) const noexcept;

    // The highest rate of each of the last rounds.
    static constexpr std::size_t bandwidth_rounds = 10;
    std::array<std::uint64_t, bandwidth_rounds> rates_{};
    std::uint64_t round_ = 0;
    std::uint64_t round_end_ = 0; // in bytes delivered
    std::uint64_t full_bandwidth_ = 0;
    std::uint64_t pacing_rate_ = 0;
    duration minimum_rtt_ = duration::max();
    time_point minimum_rtt_at_{};
    time_point cycle_began_{};
    time_point probe_until_{};
    double pacing_gain_ = 2.885; // 2 / ln 2: the least that doubles the rate each round
    double window_gain_ = 2.885;
    std::uint8_t full_rounds_ = 0;
    std::uint8_t phase_ = 0;
    mode mode_ = mode::startup;
    bool round_started_ = false;
    bool full_pipe_ = false;
    bool conserving_ = false;
    bool held_back_ = false; // packets were conserved in the round before
    bool probe_round_done_ = false;
};

} // namespace runnel::inline v0::stack
