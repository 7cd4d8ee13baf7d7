// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/operation.hpp"

namespace runnel::inline v0 {

bool operation::begin(std::coroutine_handle<> task, const promise_base& promise) {
    loop_ = &loop::current();
    task_ = &promise;
    continuation = task;
    stop_source* source = promise.stop();
    if (source != nullptr && source->stop_requested()) {
        refuse(source->reason());
        state_ = state::done;
    } else {
        state_ = state::starting;
        start();
    }
    if (state_ == state::done) {
        if (loop_->may_continue_inline()) {
            return false;
        }
        loop_->schedule(*this);
        return true;
    }
    state_ = state::waiting;
    next_waiting_ = loop_->first_waiting_;
    previous_waiting_ = &loop_->first_waiting_;
    if (next_waiting_ != nullptr) {
        next_waiting_->previous_waiting_ = &next_waiting_;
    }
    loop_->first_waiting_ = this;
    if (source != nullptr) {
        if (source->stop_requested()) { // by what start() did
            on_stop(*this, source->reason());
        } else {
            source->add(*this);
        }
    }
    return true;
}

void operation::finish() noexcept {
    *previous_waiting_ = next_waiting_;
    if (next_waiting_ != nullptr) {
        next_waiting_->previous_waiting_ = previous_waiting_;
    }
    unlink();
    state_ = state::done;
    loop_->schedule(*this);
}

void operation::on_stop(stop_callback& self, stop_reason reason) noexcept {
    auto& op = static_cast<operation&>(self);
    op.stopped_ = reason;
    if (op.stop(reason)) {
        op.finish();
    }
}

} // namespace runnel::inline v0
