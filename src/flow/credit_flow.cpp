// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/credit_flow.hpp"

#include "runnel/async/loop.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0 {

// ---- what the peer says

void credit_flow::hear_room(std::size_t bytes) noexcept {
    room_ = bytes;
    if (has_data()) {
        something_to_tell();
    }
}

bool credit_flow::hear_data(buffer data) noexcept {
    const std::size_t size = data.size();
    if (size > granted_ || finished_) {
        return false;
    }
    granted_ -= size;
    if (discarding_ || cut_) {
        free_room(size);
        return true;
    }
    read_operation* const op = reader();
    if (op != nullptr && inbox_.empty() && !op->into_memory() &&
        (op->hint() == 0 || size <= op->hint()) && size > 0) {
        count_read(size);
        op->succeed(std::move(data));
        return true;
    }
    inbox_.push_back_compact(std::move(data));
    settle_reader();
    watch_for_readers();
    return true;
}

void credit_flow::hear_end() noexcept {
    finished_ = true;
    leave_if_over();
    settle_reader();
    settle_control();
}

void credit_flow::hear_deaf() noexcept {
    deaf_ = true;
    settle_writer();
}

void credit_flow::hear_gone() noexcept {
    finished_ = true;
    gone_ = true;
    left_ = true;
    end_here();
}

void credit_flow::hear_failure(error why) noexcept {
    if (!left_) {
        left_ = true;
        failure_ = std::move(why);
        end_here();
    }
}

void credit_flow::hear_departure() noexcept {
    settle_writer();
    settle_control();
}

// ---- what is to be told

buffer credit_flow::next_data(std::size_t limit) noexcept {
    buffer data = writer()->take(std::min(limit, room_));
    room_ -= data.size();
    settle_writer();
    return data;
}

void credit_flow::tell_end() noexcept {
    told_end_ = true;
    leave_if_over();
    settle_control();
}

std::size_t credit_flow::tell_room() noexcept {
    granted_ += freed_;
    return std::exchange(freed_, 0);
}

// ---- ends

void credit_flow::end_here() noexcept {
    cancel();
    settle_reader();
    settle_writer();
    settle_control();
}

void credit_flow::leave_if_over() noexcept {
    if (finished_ && told_end_ && !left_) {
        left_ = true;
        cancel();
        left(true);
    }
}

// ---- reading

void credit_flow::count_read(std::size_t bytes) noexcept {
    const std::size_t counted = std::min(bytes, aside_);
    aside_ -= counted;
    free_room(bytes - counted);
}

void credit_flow::free_room(std::size_t bytes) noexcept {
    const bool was_due = room_is_due();
    freed_ += bytes;
    if (!was_due && room_is_due()) {
        something_to_tell();
    }
}

/// Ends a read with what there is. False if it has to wait.
bool credit_flow::give(read_operation& op) noexcept {
    if (!inbox_.empty()) {
        const std::size_t before = inbox_.bytes();
        op.succeed_from(inbox_);
        count_read(before - inbox_.bytes());
    } else if (cut_) {
        op.fail(errc::closed);
    } else if (finished_) {
        op.fail(errc::end);
    } else if (failure_) {
        op.fail(*failure_);
    } else {
        return false;
    }
    return true;
}

void credit_flow::settle_reader() noexcept {
    if (read_operation* const op = reader(); op != nullptr) {
        static_cast<void>(give(*op));
    }
}

void credit_flow::do_read(read_operation& op) {
    ++reads_;
    static_cast<void>(give(op));
}

bool credit_flow::do_cancel(read_operation& /*op*/) noexcept {
    return true;
}

void credit_flow::do_shutdown_read() noexcept {
    discarding_ = true;
    const std::size_t unread = inbox_.bytes();
    inbox_.clear();
    count_read(unread);
}

// ---- writing

void credit_flow::settle_writer() noexcept {
    write_operation* const op = writer();
    if (op == nullptr) {
        return;
    }
    if (failure_) {
        op->fail(*failure_);
        return;
    }
    if (gone_) {
        op->fail(errc::reset);
        return;
    }
    if (deaf_) {
        op->accept(op->remaining());
    }
    if (op->remaining() == 0 && (!op->nodelay() || has_left())) {
        op->succeed();
    }
}

void credit_flow::do_write(write_operation& /*op*/) {
    if (has_data() && !deaf_) {
        something_to_tell();
    }
    settle_writer();
}

bool credit_flow::do_cancel(write_operation& /*op*/) noexcept {
    return true;
}

// ---- control

void credit_flow::settle_control() noexcept {
    control_operation* const op = control();
    if (op == nullptr) {
        return;
    }
    if (failure_) {
        op->fail(*failure_);
    } else if (close_asked_ ? left_ : has_left()) {
        op->succeed();
    }
}

void credit_flow::do_flush(control_operation& /*op*/) {
    settle_control();
}

void credit_flow::do_shutdown_write(control_operation& op) {
    if (failure_) {
        op.fail(*failure_);
        return;
    }
    ending_ = true;
    if (end_is_due()) {
        something_to_tell();
    }
    if (control() == &op) {
        op.succeed();
    }
}

void credit_flow::do_begin_close() noexcept {
    closing_ = true;
    watch_for_readers();
}

void credit_flow::do_close(control_operation& /*op*/) {
    closing_ = true;
    close_asked_ = true;
    ending_ = true;
    if (end_is_due()) {
        something_to_tell();
    }
    settle_control();
    watch_for_readers();
}

void credit_flow::do_cancel(control_operation& /*op*/) noexcept {}

void credit_flow::do_abort() noexcept {
    cancel();
    inbox_.clear();
    if (!failure_) {
        failure_ = errc::aborted;
    }
    if (!std::exchange(left_, true)) {
        left(false);
    }
    if (read_operation* const op = reader(); op != nullptr) {
        op->fail(errc::aborted);
    }
    if (write_operation* const op = writer(); op != nullptr) {
        op->fail(errc::aborted);
    }
    if (control_operation* const op = control(); op != nullptr) {
        op->fail(errc::aborted);
    }
}

/// During a close, a peer that still writes must not be held up by data that nobody reads: what
/// fills the window is set aside once, and if then still more comes, it is discarded. Who reads
/// again as soon as a read is done has a turn of the loop to come.
void credit_flow::watch_for_readers() noexcept {
    if (!closing_ || left_ || finished_ || cut_ || discarding_ || reader() != nullptr || armed() ||
        granted_ + freed_ > window_ / 2) {
        return;
    }
    reads_seen_ = reads_;
    loop& here = loop::current();
    here.arm(*this, here.now() + duration(1));
}

void credit_flow::nobody_came(timer& self) noexcept {
    auto& flow = static_cast<credit_flow&>(self);
    if (flow.reader() == nullptr && flow.reads_ == flow.reads_seen_) {
        flow.cut_ = flow.inbox_.bytes() >= flow.window_;
        const std::size_t more = flow.inbox_.bytes() - flow.aside_;
        flow.aside_ = flow.inbox_.bytes();
        flow.free_room(more);
    }
    flow.watch_for_readers();
}

} // namespace runnel::inline v0
