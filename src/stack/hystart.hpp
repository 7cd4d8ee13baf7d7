// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/congestion.hpp"

#include <cstdint>

namespace runnel::inline v0::stack {

/// HyStart++ (RFC 9406): leaves slow start when the round trip grows, before anything is lost.
class hystart {
public:
    /// Takes an acknowledgment during slow start. Says by how much of `sample.acked` to grow the
    /// window; `done()` says whether slow start is over.
    std::uint32_t on_ack(const congestion_sample& sample) noexcept;
    [[nodiscard]] bool done() const noexcept { return done_; }
    /// Slow start begins again.
    void restart() noexcept { *this = {}; }

private:
    void end_round() noexcept;

    duration last_round_ = duration::max(); // the least round trip of the round before
    duration this_round_ = duration::max();
    duration baseline_ = duration::max(); // of conservative slow start
    sequence round_end_;
    std::uint8_t samples_ = 0;
    std::uint8_t conservative_rounds_ = 0;
    bool started_ = false;
    bool conservative_ = false;
    bool done_ = false;
};

} // namespace runnel::inline v0::stack
