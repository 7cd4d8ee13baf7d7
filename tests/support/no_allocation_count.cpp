// SPDX-License-Identifier: Apache-2.0
#include "allocation_count.hpp"

namespace runnel {

bool counts_allocations() noexcept {
    return false;
}

std::uint64_t allocation_count() noexcept {
    return 0;
}

} // namespace runnel
