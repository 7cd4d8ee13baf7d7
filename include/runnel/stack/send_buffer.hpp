// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/stack/ring.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::stack {

/// What a program wrote to a connection and the peer has not acknowledged yet, by reference.
///
/// Places in it are kept by those who sent from there, so that sending again needs no search.
class send_buffer {
public:
    /// A place: which buffer, counted from the first one ever, and how far into it.
    struct place {
        std::uint32_t index = 0;
        std::uint32_t offset = 0;
    };

    /// Takes a buffer. Small ones are copied together, so that a segment has few slices.
    void append(buffer data);

    /// Bytes that are held.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }

    /// Where the first byte is that is held.
    [[nodiscard]] place begin() const noexcept { return {first_, front_offset_}; }

    /// Adds up to `length` bytes from `from` to `payload` as slices and gives how many it were:
    /// fewer if the slices do not suffice.
    std::uint32_t slice(place from, std::uint32_t length, tcp_payload& payload) noexcept;

    /// The place `length` bytes behind `from`.
    [[nodiscard]] place advance(place from, std::uint32_t length) noexcept;

    /// Drops the first `length` bytes.
    void release(std::uint32_t length) noexcept;

    /// Drops everything.
    void clear() noexcept;

private:
    [[nodiscard]] place valid(place where) const noexcept;

    ring<buffer> buffers_;
    std::size_t bytes_ = 0;
    std::uint32_t first_ = 0;        // which buffer is the first in the queue
    std::uint32_t front_offset_ = 0; // how much of it is acknowledged
};

} // namespace runnel::inline v0::stack
