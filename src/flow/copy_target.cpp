// SPDX-License-Identifier: Apache-2.0
#include "copy_target.hpp"

#include "runnel/async/deadline.hpp"
#include "write_from.hpp"

#include <utility>

namespace runnel::inline v0 {

task<result<void>> copy_target::ready() {
    while (!gone_ && !is_ready()) {
        room_.reset();
        const result<void> waited = co_await room_.wait();
        if (!waited) {
            co_return waited;
        }
    }
    if (failure_ && options_.when_failed == failed_copy::fail) {
        co_return fail(*failure_);
    }
    co_return result<void>();
}

void copy_target::push(buffer data) {
    if (!gone_) {
        queue_.push_back(std::move(data));
        start_writing();
    }
}

void copy_target::push(buffer_queue& pieces) {
    while (!pieces.empty()) {
        buffer piece = pieces.pop_front();
        if (!gone_) {
            queue_.push_back(std::move(piece));
        }
    }
    start_writing();
}

void copy_target::start_writing() {
    if (!writer_.running()) {
        if (!gone_) {
            writer_.start(write_out(), "copy", nullptr, shared_from_this());
        }
    } else if (queue_.bytes() > options_.backlog && options_.when_slow == slow_copy::detach) {
        abort();
    }
}

task<void> copy_target::write_out() {
    while (!queue_.empty() && !gone_) {
        std::size_t count = 0;
        while (count < writing_.size() && !queue_.empty()) {
            writing_[count++] = queue_.pop_front();
        }
        room_.set();
        const write_result written = co_await write_from(*target_, {writing_.data(), count});
        if (!written && !gone_) {
            failure_ = written.error().wrap("the flow that gets copies");
            let_go();
        }
    }
    room_.set();
}

void copy_target::let_go() noexcept {
    gone_ = true;
    queue_.clear();
    room_.set();
    target_->abort();
}

void copy_target::abort() noexcept {
    if (!gone_) {
        let_go();
    }
}

task<result<void>> copy_target::write_and_close() {
    while (writer_.running()) {
        room_.reset();
        const result<void> waited = co_await room_.wait();
        if (!waited) {
            co_return waited;
        }
    }
    co_return co_await target_->close();
}

task<result<void>> copy_target::finish() {
    const result<void> closed = co_await with_timeout(options_.close_timeout, write_and_close());
    if (!closed) {
        abort();
        co_await writer_.finished();
    }
    if (options_.when_failed == failed_copy::ignore) {
        co_return result<void>();
    }
    co_return failure_ ? fail(*failure_) : closed;
}

} // namespace runnel::inline v0
