// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/flow.hpp"

#include "runnel/core/check.hpp"

namespace runnel::inline v0 {

flow::~flow() {
    check(ended_, "the destructor of a transport calls abort()");
}

void flow::finish_reading(error why) noexcept {
    if (!read_end_.has_value()) {
        read_end_ = std::move(why);
    }
}

void flow::finish_writing(error why) noexcept {
    // A failure says more than that the direction was shut down.
    if (!write_end_.has_value() || *write_end_ == errc::closed) {
        write_end_ = std::move(why);
    }
}

void flow::shutdown_read() noexcept {
    if (read_end_.has_value()) {
        return;
    }
    read_end_ = errc::end;
    if (read_operation* waiting = reader_; waiting != nullptr && do_cancel(*waiting)) {
        waiting->fail(errc::end);
    }
    do_shutdown_read();
}

void flow::begin_close() noexcept {
    if (!closing_ && !ended_) {
        do_begin_close();
    }
}

void flow::submit(control_operation& op) noexcept {
    control_operation** last = &first_queued_;
    while (*last != nullptr) {
        last = &(*last)->next_;
    }
    *last = &op;
    start_next_control();
}

void flow::withdraw(control_operation& op) noexcept {
    for (control_operation** link = &first_queued_; *link != nullptr; link = &(*link)->next_) {
        if (*link == &op) {
            *link = op.next_;
            return;
        }
    }
}

/// A shutdown was cancelled before its turn came: unless another one follows, writing goes on.
void flow::take_back_shutdown() noexcept {
    if (told_ || closing_ || !write_end_.has_value() || !(*write_end_ == errc::closed)) {
        return;
    }
    for (const control_operation* op = first_queued_; op != nullptr; op = op->next_) {
        if (op->kind_ == control_operation::kind::shutdown) {
            return;
        }
    }
    write_end_.reset();
}

void flow::run_controls() noexcept {
    while (first_queued_ != nullptr && control_ == nullptr && writer_ == nullptr) {
        control_operation& op = *first_queued_;
        first_queued_ = op.next_;
        const bool is_close = op.kind_ == control_operation::kind::close;
        const bool is_shutdown = op.kind_ == control_operation::kind::shutdown;
        if (is_close && ended_) {
            op.fail(errc::aborted);
            continue;
        }
        if (!is_close && write_end_.has_value() && !(*write_end_ == errc::closed)) {
            op.fail(*write_end_);
            continue;
        }
        if (ended_ || (is_shutdown && told_)) { // all has left, and the peer knows
            op.succeed();
            continue;
        }
        control_ = &op;
        told_ = told_ || is_shutdown || is_close;
        switch (op.kind_) {
        case control_operation::kind::flush:
            do_flush(op);
            break;
        case control_operation::kind::shutdown:
            do_shutdown_write(op);
            break;
        case control_operation::kind::close:
            do_close(op);
            break;
        }
        return; // the end of `op` starts the next, and may have destroyed this flow
    }
}

void flow::abort() noexcept {
    if (ended_) {
        return;
    }
    ended_ = true;
    finish_reading(errc::aborted);
    finish_writing(errc::aborted);
    do_abort();
    if (reader_ != nullptr) {
        std::exchange(reader_, nullptr)->flow_ = nullptr;
    }
    if (writer_ != nullptr) {
        std::exchange(writer_, nullptr)->flow_ = nullptr;
    }
    if (control_ != nullptr) {
        std::exchange(control_, nullptr)->flow_ = nullptr;
    }
    start_next_control();
}

} // namespace runnel::inline v0
