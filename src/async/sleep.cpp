// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/sleep.hpp"

namespace runnel::inline v0 {

sleep_operation::sleep_operation(time_point moment) noexcept
    : timer([](timer& self) noexcept { static_cast<sleep_operation&>(self).complete(); }),
      moment_(moment) {}

void sleep_operation::start() {
    if (moment_ <= owner().now()) {
        complete();
    } else {
        owner().arm(*this, moment_);
    }
}

bool sleep_operation::stop(stop_reason reason) noexcept {
    cancel();
    refuse(reason);
    return true;
}

void sleep_operation::refuse(stop_reason reason) noexcept {
    result_ = fail(to_error(reason));
}

} // namespace runnel::inline v0
