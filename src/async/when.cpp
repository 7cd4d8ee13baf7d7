// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/when.hpp"

namespace runnel::inline v0 {

void joined_tasks::open(const promise_base& parent, std::coroutine_handle<> waiting) noexcept {
    parent_ = &parent;
    waiting_ = waiting;
    source_.attach(parent.stop());
}

void joined_tasks::note_end(const promise_base& ended, bool failed) noexcept {
    --running_;
    if (first_ == nullptr) {
        first_ = &ended;
    }
    if (failed || rule_ == stop_at::first_end) {
        source_.request_stop(stop_reason::cancelled);
    }
}

} // namespace runnel::inline v0
