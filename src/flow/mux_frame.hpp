// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0 {

/// What one message of a multiplexer says. Its header: the kind in one byte, three that are zero,
/// the channel and a value, each of 32 bits, big-endian.
enum class mux_kind : std::uint8_t {
    hello = 0,  ///< first on the link; channel: `mux_mark`; value: room of each channel at first
    open = 1,   ///< a new channel
    opened = 2, ///< the answer to `open`
    data = 3,   ///< value: bytes that follow, 1 to `mux_largest`
    window = 4, ///< value: so much more may be sent
    end = 5,    ///< the sender writes no more
    reset = 6,  ///< the channel is over at once; as an answer to `open`: refused
    close = 7,  ///< the sender neither opens nor takes channels any more; channel: 0
};

/// "mux" and the version.
inline constexpr std::uint32_t mux_mark = 0x6D75'7801;
/// Most bytes of one message: those who write at the same time take turns of this size.
inline constexpr std::uint32_t mux_largest = 16 * 1024;
/// Bounds of a window, and of what may be allowed altogether.
inline constexpr std::uint32_t mux_least_window = 4 * 1024;
inline constexpr std::uint32_t mux_most_room = std::uint32_t{1} << 30;

struct mux_frame {
    mux_kind kind = mux_kind::hello;
    std::uint32_t channel = 0;
    std::uint32_t value = 0;
};

/// A header as bytes.
[[nodiscard]] buffer encode_mux(const mux_frame& frame);

/// Takes the messages of a link apart.
class mux_parser {
public:
    enum class found : std::uint8_t {
        nothing, ///< all was used up
        frame,   ///< `frame()` is complete; of data, its bytes follow as `bytes`
        bytes,   ///< of the data of `frame()`: so many from the front of the input
        bad,     ///< no message; the parser goes no further
    };

    /// Reads on from the front of `input`, and says in `used` how much of it that took; of `bytes`
    /// nothing, the caller takes them off itself.
    [[nodiscard]] found next(std::span<const std::byte> input, std::size_t& used,
                             std::size_t& bytes) noexcept;
    [[nodiscard]] const mux_frame& frame() const noexcept { return frame_; }
    /// Whether the link may stop here.
    [[nodiscard]] bool is_between() const noexcept { return have_ == 0 && left_ == 0; }

private:
    [[nodiscard]] bool understand() noexcept;

    std::array<std::byte, 12> header_{};
    std::size_t have_ = 0;
    std::size_t left_ = 0;
    mux_frame frame_;
    bool greeted_ = false;
    bool bad_ = false;
};

} // namespace runnel::inline v0
