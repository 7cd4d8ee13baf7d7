// SPDX-License-Identifier: Apache-2.0
#include "mux_frame.hpp"

#include "runnel/core/byte_order.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t header_size = 12;

} // namespace

buffer encode_mux(const mux_frame& frame) {
    buffer header = buffer::allocate(header_size, 0, 0);
    std::byte* const at = header.writable().data();
    store_be32(at, std::uint32_t{static_cast<std::uint8_t>(frame.kind)} << 24U);
    store_be32(at + 4, frame.channel);
    store_be32(at + 8, frame.value);
    return header;
}

mux_parser::found mux_parser::next(std::span<const std::byte> input, std::size_t& used,
                                   std::size_t& bytes) noexcept {
    used = 0;
    bytes = 0;
    if (bad_) {
        return found::bad;
    }
    if (left_ > 0) {
        bytes = std::min(left_, input.size());
        left_ -= bytes;
        return bytes > 0 ? found::bytes : found::nothing;
    }
    used = std::min(header_size - have_, input.size());
    std::ranges::copy(input.first(used), header_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += used;
    if (have_ < header_size) {
        return found::nothing;
    }
    have_ = 0;
    bad_ = !understand();
    return bad_ ? found::bad : found::frame;
}

/// Whether the header is one that may come here.
bool mux_parser::understand() noexcept {
    const std::uint32_t kind = load_be32(header_.data());
    frame_.channel = load_be32(header_.data() + 4);
    frame_.value = load_be32(header_.data() + 8);
    if ((kind & 0x00FF'FFFFU) != 0 || kind >> 24U > static_cast<std::uint8_t>(mux_kind::close)) {
        return false;
    }
    frame_.kind = static_cast<mux_kind>(kind >> 24U);
    const bool is_hello = frame_.kind == mux_kind::hello;
    if (is_hello == greeted_) {
        return false;
    }
    greeted_ = true;
    switch (frame_.kind) {
    case mux_kind::hello:
        return frame_.channel == mux_mark && frame_.value >= mux_least_window &&
               frame_.value <= mux_most_room;
    case mux_kind::data:
        left_ = frame_.value;
        return frame_.channel != 0 && frame_.value != 0 && frame_.value <= mux_largest;
    case mux_kind::window:
        return frame_.channel != 0 && frame_.value != 0 && frame_.value <= mux_most_room;
    case mux_kind::close:
        return frame_.channel == 0 && frame_.value == 0;
    default:
        return frame_.channel != 0 && frame_.value == 0;
    }
}

} // namespace runnel::inline v0
