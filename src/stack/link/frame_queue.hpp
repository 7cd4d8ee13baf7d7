// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/link/link.hpp"

#include <cstddef>

namespace runnel::inline v0::stack {

/// The largest frame that carries a packet of `mtu` bytes: with a VLAN tag in its header.
[[nodiscard]] inline std::size_t max_frame_size(const link_properties& link) noexcept {
    return link.mtu + (link.medium == link_medium::ethernet ? std::size_t{18} : 0);
}

/// Whether a frame may be put on a link: what the link cuts may be larger than its MTU.
[[nodiscard]] inline bool fits_mtu(const frame& one, const link_properties& link) noexcept {
    return one.offload.cut != segmentation::none || one.size() <= max_frame_size(link);
}

/// Frames that wait to be fetched from a link in memory.
class frame_queue {
public:
    explicit frame_queue(std::size_t limit) noexcept : limit_(limit) {}

    [[nodiscard]] bool full() const noexcept { return frames_.size() >= limit_; }
    [[nodiscard]] bool empty() const noexcept { return frames_.empty(); }
    /// False if there is no room.
    [[nodiscard]] bool push(frame_ptr& one) noexcept {
        if (full()) {
            return false;
        }
        frames_.push_back(std::move(one));
        return true;
    }
    [[nodiscard]] frame_list take(std::size_t count) noexcept { return frames_.take(count); }

private:
    std::size_t limit_;
    frame_list frames_;
};

} // namespace runnel::inline v0::stack
