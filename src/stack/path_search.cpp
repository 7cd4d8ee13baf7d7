// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/path_search.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

void path_search::start(std::uint32_t ceiling) noexcept {
    *this = {};
    ceiling_ = highest_ = ceiling;
}

void path_search::begin(time_point when) noexcept {
    highest_ = ceiling_;
    size_ = 0;
    losses_ = 0;
    when_ = when;
}

std::uint32_t path_search::next(std::uint32_t current, time_point now) noexcept {
    if (when_ > now || outstanding()) {
        return 0;
    }
    if (current + resolution > highest_) {
        if (current >= ceiling_) {
            when_ = never;
        } else {
            begin(now + raise_after);
        }
        return 0;
    }
    // At first all of it: most often something else was wrong, or the path is as it was again.
    return highest_ == ceiling_ ? ceiling_ : current + (highest_ - current + 1) / 2;
}

void path_search::sent(std::uint32_t size, sequence end) noexcept {
    size_ = size;
    end_ = end;
}

void path_search::succeeded() noexcept {
    size_ = 0;
    losses_ = 0;
}

void path_search::failed() noexcept {
    if (++losses_ >= max_probes) {
        highest_ = size_ - 1;
        losses_ = 0;
    }
    size_ = 0;
}

void path_search::limit(std::uint32_t size) noexcept {
    highest_ = std::min(highest_, size);
    losses_ = 0;
    size_ = 0;
}

} // namespace runnel::inline v0::stack
