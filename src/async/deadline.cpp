// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/deadline.hpp"

namespace runnel::inline v0 {

deadline_stop::deadline_stop(time_point deadline) noexcept
    : timer([](timer& self) noexcept {
          static_cast<deadline_stop&>(self).source_.request_stop(stop_reason::deadline);
      }),
      moment_(deadline) {}

void deadline_stop::enter(promise_base& task) noexcept {
    task_ = &task;
    outer_ = task.exchange_stop(&source_);
    source_.attach(outer_);
    loop& owner = loop::current();
    if (moment_ <= owner.now()) {
        source_.request_stop(stop_reason::deadline);
    } else {
        owner.arm(*this, moment_);
    }
}

void deadline_stop::leave() noexcept {
    if (task_ != nullptr) {
        cancel();
        task_->exchange_stop(outer_);
        task_ = nullptr;
    }
}

} // namespace runnel::inline v0
