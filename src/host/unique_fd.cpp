// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/unique_fd.hpp"

#include <unistd.h>

namespace runnel::inline v0::host {

void unique_fd::reset() noexcept {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

} // namespace runnel::inline v0::host
