// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/stop.hpp"

namespace runnel::inline v0 {

error to_error(stop_reason reason) {
    // Copies share the text, so a deadline that passes allocates nothing.
    static const error deadline_passed(errc::timed_out, "deadline passed");
    switch (reason) {
    case stop_reason::deadline:
        return deadline_passed;
    case stop_reason::deadlock:
        return errc::deadlock;
    case stop_reason::none:
    case stop_reason::cancelled:
        break;
    }
    return errc::cancelled;
}

void stop_source::attach(stop_source* parent) noexcept {
    if (parent == nullptr) {
        return;
    }
    if (parent->stop_requested()) {
        request_stop(parent->reason());
    } else {
        parent->add(parent_link_);
    }
}

void stop_source::request_stop(stop_reason reason) noexcept {
    if (stop_requested()) {
        return;
    }
    reason_ = reason;
    // A callback may unlink itself and others, so the list is read anew after each call.
    while (first_ != nullptr) {
        stop_callback& callback = *first_;
        callback.unlink();
        callback.call_(callback, reason);
    }
}

} // namespace runnel::inline v0
