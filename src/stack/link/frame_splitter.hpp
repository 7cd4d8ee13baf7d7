// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace runnel::inline v0::stack {

/// Finds frames in a stream in which the length of each stands in front of it, in four bytes, the
/// most significant first: the framing of QEMU's `stream` and `socket` ports.
class frame_splitter {
public:
    static constexpr std::size_t length_size = 4;
    /// As in QEMU: no peer has reason to send more.
    static constexpr std::size_t max_frame = 65'536 + 4'096;

    frame_splitter() : bytes_(capacity) {}

    /// Where the next bytes of the stream go. Not empty once `next` gave nothing.
    [[nodiscard]] std::span<std::byte> room() noexcept;
    /// So many bytes were put there.
    void filled(std::size_t size) noexcept { end_ += size; }

    /// The next frame, which is valid until `room` is called; nothing if more is to be read first,
    /// or if the stream is broken.
    [[nodiscard]] std::optional<std::span<const std::byte>> next() noexcept;

    /// Somebody claimed a length that cannot be: what follows makes no sense.
    [[nodiscard]] bool broken() const noexcept { return broken_; }
    /// Begins a new stream.
    void reset() noexcept {
        begin_ = end_ = 0;
        broken_ = false;
    }

private:
    static constexpr std::size_t capacity = 4 * max_frame;

    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool broken_ = false;
};

} // namespace runnel::inline v0::stack
