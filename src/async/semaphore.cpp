// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/semaphore.hpp"

namespace runnel::inline v0 {

bool semaphore::take(std::size_t count) noexcept {
    if (count > available_) {
        return false;
    }
    available_ -= count;
    return true;
}

std::optional<permit> semaphore::try_acquire(std::size_t count) noexcept {
    if (!waiting_.empty() || !take(count)) {
        return std::nullopt;
    }
    return permit(*this, count);
}

void semaphore::release(std::size_t count) noexcept {
    available_ += count;
    serve();
}

void semaphore::serve() noexcept {
    while (!waiting_.empty() && take(waiting_.front().count_)) {
        acquire_operation& first = waiting_.pop_front();
        first.result_ = permit(*this, first.count_);
        first.complete();
    }
}

void semaphore::acquire_operation::start() {
    if (source_->waiting_.empty() && source_->take(count_)) {
        result_ = permit(*source_, count_);
        complete();
    } else {
        source_->waiting_.push_back(*this);
    }
}

bool semaphore::acquire_operation::stop(stop_reason reason) noexcept {
    leave_queue();
    refuse(reason);
    source_->serve(); // it may have been in the way of those who want less
    return true;
}

void semaphore::acquire_operation::refuse(stop_reason reason) noexcept {
    result_ = fail(to_error(reason));
}

} // namespace runnel::inline v0
