// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/scope.hpp"

namespace runnel::inline v0 {

void scope::open(const promise_base& parent, std::coroutine_handle<> waiting) noexcept {
    parent_ = &parent;
    waiting_ = waiting;
    source_.attach(parent.stop());
}

void scope::request_stop() noexcept {
    asked_to_stop_ = true;
    source_.request_stop(stop_reason::cancelled);
}

void scope::fail(const error& what) noexcept {
    const bool asked_for = asked_to_stop_ && what == errc::cancelled;
    if (asked_for || failure_ || exception_ != nullptr) {
        return;
    }
    failure_ = what;
    source_.request_stop(stop_reason::cancelled);
}

void scope::fail(const std::exception_ptr& what) noexcept {
    if (failure_ || exception_ != nullptr) {
        return;
    }
    exception_ = what;
    source_.request_stop(stop_reason::cancelled);
}

} // namespace runnel::inline v0
