// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace runnel::inline v0 {

void check_failed(const char* rule, const char* file, int line) noexcept {
    std::fprintf(stderr, "runnel: broken rule: %s (%s:%d)\n", rule, file, line);
    std::abort();
}

} // namespace runnel::inline v0
