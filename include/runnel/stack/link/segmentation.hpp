// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/link/frame.hpp"
#include "runnel/stack/link/link.hpp"

#include <cstddef>

namespace runnel::inline v0::stack {

/// Makes the checksum that `needs_checksum` leaves to be made. Does nothing for other frames, nor
/// where the offsets lie outside of the frame.
void complete_checksum(frame& one) noexcept;

/// Cuts a frame that stands for many (GSO) into those, by reference, and adds them to `out`. Their
/// checksums are made if `complete`, otherwise left to be made.
void cut_segments(frame_ptr many, bool complete, frame_list& out);

/// Does for a frame what a link with these capabilities does not, and adds what comes out to `out`.
inline void adapt(frame_ptr one, const link_capabilities& to, frame_list& out) {
    if (!to.cuts(one->offload.cut)) {
        cut_segments(std::move(one), !to.checksum, out);
        return;
    }
    if (one->offload.needs_checksum && !to.checksum) {
        complete_checksum(*one);
    }
    out.push_back(std::move(one));
}

/// Finds out where the headers of a frame end that somebody outside says is to be cut or summed,
/// as in a virtio-net header, and sets its offload by that. False if the frame contradicts it, and
/// has to be dropped. `claimed.network_start` is not looked at.
[[nodiscard]] bool validate_offload(frame& one, link_medium medium,
                                    const frame_offload& claimed) noexcept;

} // namespace runnel::inline v0::stack
