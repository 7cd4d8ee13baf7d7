// SPDX-License-Identifier: Apache-2.0
#include "replay_guard.hpp"

#include <utility>

namespace runnel::inline v0::tls {

bool replay_guard::admit(const hello& which, time_point now) {
    const std::scoped_lock lock(mutex_);
    if (now - since_ >= window) {
        before_ = now - since_ < 2 * window ? std::exchange(recent_, {}) : std::set<hello>();
        recent_.clear();
        since_ = now;
    }
    if (recent_.size() >= most || before_.contains(which)) {
        return false;
    }
    return recent_.insert(which).second;
}

} // namespace runnel::inline v0::tls
