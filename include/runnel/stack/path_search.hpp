// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/sequence.hpp"

#include <chrono>
#include <cstdint>

namespace runnel::inline v0::stack {

/// Finds the largest segment that a path carries without being told by ICMP (RFC 4821, RFC 8899
/// 5.2): after the size was taken back, because the path said so or because nothing large arrived
/// any more, segments of data that are larger are sent now and then, one at a time. One that
/// arrives raises the size; one that is lost is no sign of congestion and is sent again in parts.
class path_search {
public:
    /// After a search ended, the path may have changed (RFC 8899 5.1.1, PMTU_RAISE_TIMER).
    static constexpr duration raise_after = std::chrono::minutes(10);
    /// A size is given up when so many of it were lost (RFC 8899 5.1.2, MAX_PROBES).
    static constexpr std::uint8_t max_probes = 3;
    /// Sizes that differ by less are not worth a probe.
    static constexpr std::uint32_t resolution = 16;

    /// The most that is ever tried: what the connection began with.
    void start(std::uint32_t ceiling) noexcept;
    [[nodiscard]] std::uint32_t ceiling() const noexcept { return ceiling_; }

    /// The size was taken back. Searching begins at `when`.
    void begin(time_point when) noexcept;
    /// The size of the segment to probe with now, where `current` is known to arrive; 0 for none.
    [[nodiscard]] std::uint32_t next(std::uint32_t current, time_point now) noexcept;

    /// A probe of this size was sent, and is acknowledged when `end` is.
    void sent(std::uint32_t size, sequence end) noexcept;
    [[nodiscard]] bool outstanding() const noexcept { return size_ != 0; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] sequence end() const noexcept { return end_; }
    /// It arrived: its size is good.
    void succeeded() noexcept;
    /// It is lost.
    void failed() noexcept;
    /// The path says that no more than this fits.
    void limit(std::uint32_t size) noexcept;

private:
    std::uint32_t ceiling_ = 0;
    std::uint32_t highest_ = 0; // of what is not known to be too large
    std::uint32_t size_ = 0;    // of the probe that is out
    sequence end_;
    time_point when_ = never;
    std::uint8_t losses_ = 0;
};

} // namespace runnel::inline v0::stack
