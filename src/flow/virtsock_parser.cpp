// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/byte_order.hpp"
#include "runnel/flow/virtsock.hpp"
#include "virtsock_core.hpp"

#include <algorithm>

namespace runnel::inline v0 {

virtsock_parser::item virtsock_parser::next(std::span<const std::byte> input,
                                            std::size_t& used) noexcept {
    used = 0;
    while (left_ == 0) {
        while (have_ < header_.size() && used < input.size()) {
            header_[have_++] = input[used++];
        }
        if (have_ < header_.size()) {
            return {.what = kind::nothing, .size = 0};
        }
        have_ = 0;
        if (const item found = understand(); found.what != kind::nothing) {
            return found;
        }
    }
    const std::size_t size = std::min(left_, input.size() - used);
    if (size == 0) {
        return {.what = kind::nothing, .size = 0};
    }
    left_ -= size;
    return {.what = kind::data, .size = size};
}

/// The meaning of a whole word; `nothing` for a length, also of zero.
virtsock_parser::item virtsock_parser::understand() noexcept {
    word_ = load_le32(header_.data());
    switch (word_) {
    case virtsock::shutdown_read:
        return {.what = kind::shutdown_read, .size = 0};
    case virtsock::shutdown_write:
        ended_ = true;
        return {.what = kind::shutdown_write, .size = 0};
    case virtsock::close:
        ended_ = true;
        return {.what = kind::close, .size = 0};
    default:
        break;
    }
    if (word_ > virtsock::largest_message || ended_) {
        return {.what = kind::bad, .size = 0};
    }
    left_ = word_;
    return {.what = kind::nothing, .size = 0};
}

} // namespace runnel::inline v0
