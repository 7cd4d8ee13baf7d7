// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/link/link.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace runnel::inline v0::stack {

/// What befalls the frames of one direction. Probabilities are from 0 to 1, each frame drawn alone.
struct link_faults {
    double loss = 0;
    /// Losses in bursts (Gilbert and Elliott): with probability `burst_begin` a frame begins a bad
    /// spell, in which all are lost; each frame ends it with probability `burst_end`.
    double burst_begin = 0;
    double burst_end = 1;
    duration delay{};
    /// Up to this much more, evenly. Frames keep their order unless `reorder` draws them.
    duration jitter{};
    /// A frame that waits `reorder_delay` longer, so that later ones overtake it.
    double reorder = 0;
    duration reorder_delay = std::chrono::milliseconds(1);
    double duplicate = 0;
    /// A frame with one bit changed.
    double corrupt = 0;
    /// Bits a second, Ethernet's overhead not counted; 0 for no limit.
    std::uint64_t rate = 0;
    /// Bytes that wait for the rate at most; what comes then is lost. 0 for no limit.
    std::uint64_t queue_limit = 0;
    /// Larger IP packets vanish without a word, as in a path that lost its ICMP; 0 for no limit.
    std::uint32_t mtu = 0;
    /// Nothing comes through at all.
    bool cut = false;
};

/// What faults did to the frames of one direction so far.
struct fault_statistics {
    std::uint64_t passed = 0;
    std::uint64_t lost = 0; // by loss, bursts, and the cut
    std::uint64_t over_queue = 0;
    std::uint64_t over_mtu = 0;
    std::uint64_t reordered = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t corrupted = 0;
};

/// A link around another one that does to frames what bad networks do. It has no capabilities, so
/// that each fault hits one packet and not a super-segment. The same seed and the same calls give
/// the same faults.
class fault_link : public link {
public:
    [[nodiscard]] static std::unique_ptr<fault_link> make(std::unique_ptr<link> inner,
                                                          const link_faults& outbound,
                                                          const link_faults& inbound,
                                                          std::uint64_t seed);

    /// Changes what happens to frames from now on; those on their way stay as they are.
    virtual void set_outbound(const link_faults& faults) = 0;
    virtual void set_inbound(const link_faults& faults) = 0;
    [[nodiscard]] virtual const fault_statistics& outbound() const noexcept = 0;
    [[nodiscard]] virtual const fault_statistics& inbound() const noexcept = 0;
};

} // namespace runnel::inline v0::stack
