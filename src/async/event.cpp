// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/event.hpp"

namespace runnel::inline v0 {

void event::set() noexcept {
    set_ = true;
    while (!waiting_.empty() && pass()) {
        waiting_.pop_front().complete();
    }
}

bool event::pass() noexcept {
    return reset_ == event_reset::manual ? set_ : std::exchange(set_, false);
}

void event::wait_operation::start() {
    if (event_->pass()) {
        complete();
    } else {
        event_->waiting_.push_back(*this);
    }
}

bool event::wait_operation::stop(stop_reason reason) noexcept {
    leave_queue();
    refuse(reason);
    return true;
}

void event::wait_operation::refuse(stop_reason reason) noexcept {
    result_ = fail(to_error(reason));
}

} // namespace runnel::inline v0
