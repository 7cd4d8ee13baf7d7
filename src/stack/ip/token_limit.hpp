// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <algorithm>
#include <cstdint>

namespace runnel::inline v0::stack {

/// Lets so many through a second, and some more at once after a rest.
class token_limit {
public:
    token_limit(std::uint32_t rate, std::uint32_t burst) noexcept
        : gap_(rate != 0 ? duration(1'000'000'000 / rate) : duration::max()),
          credit_(gap_ < duration::max() ? gap_ * burst : duration::zero()) {}

    [[nodiscard]] bool allow(time_point now) noexcept {
        if (credit_ == duration::zero()) {
            return false;
        }
        const time_point start = std::max(next_, now - credit_);
        if (start + gap_ > now) {
            return false;
        }
        next_ = start + gap_;
        return true;
    }

private:
    duration gap_;
    duration credit_;
    time_point next_ = time_point::min();
};

} // namespace runnel::inline v0::stack
