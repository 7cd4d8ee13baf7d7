// SPDX-License-Identifier: Apache-2.0
#include "frame_splitter.hpp"

#include "runnel/core/byte_order.hpp"

#include <cstring>

namespace runnel::inline v0::stack {

std::span<std::byte> frame_splitter::room() noexcept {
    if (begin_ != 0) {
        std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    return std::span(bytes_).subspan(end_);
}

std::optional<std::span<const std::byte>> frame_splitter::next() noexcept {
    while (!broken_ && end_ - begin_ >= length_size) {
        const std::size_t size = load_be32(bytes_.data() + begin_);
        if (size > max_frame) {
            broken_ = true;
            break;
        }
        if (end_ - begin_ - length_size < size) {
            break;
        }
        const auto found = std::span<const std::byte>(bytes_).subspan(begin_ + length_size, size);
        begin_ += length_size + size;
        if (size != 0) {
            return found;
        }
    }
    return std::nullopt;
}

} // namespace runnel::inline v0::stack
