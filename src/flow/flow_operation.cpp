// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/flow_operation.hpp"

#include "runnel/core/check.hpp"
#include "runnel/flow/flow.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0 {

void read_operation::start() {
    if (flow_->reader_ != nullptr) {
        error_ = errc::busy;
    } else if (into_ && target_.empty()) {
        error_ = error(errc::invalid_argument, "read_into needs room for at least one byte");
    } else if (flow_->read_end_.has_value()) {
        error_ = *flow_->read_end_;
    } else {
        flow_->reader_ = this;
        flow_->do_read(*this);
        return;
    }
    complete();
}

bool read_operation::stop(stop_reason reason) noexcept {
    if (flow_ == nullptr || !flow_->do_cancel(*this)) {
        return false;
    }
    error_ = to_error(reason);
    leave();
    return true;
}

void read_operation::leave() noexcept {
    if (flow_ != nullptr) {
        flow_->reader_ = nullptr;
        flow_ = nullptr;
    }
}

void read_operation::succeed(buffer data) noexcept {
    data_ = std::move(data);
    leave();
    complete();
}

void read_operation::succeed_into(std::size_t count) noexcept {
    count_ = count;
    leave();
    complete();
}

void read_operation::succeed_from(buffer_queue& queue) noexcept {
    if (into_) {
        succeed_into(queue.copy_out(target_));
    } else {
        succeed(queue.pop_front(hint_ != 0 ? hint_ : buffer::max_size));
    }
}

void read_operation::fail(error why) noexcept {
    if (flow_ != nullptr) {
        flow_->finish_reading(why);
    }
    error_ = std::move(why);
    leave();
    complete();
}

void read_operation::fail_stopped() noexcept {
    // The flow may have finished reading by itself since, as by shutdown(read).
    error_ = flow_ != nullptr && flow_->read_end_.has_value() ? *flow_->read_end_
             : stopped() != stop_reason::none                 ? to_error(stopped())
                                                              : error(errc::aborted);
    leave();
    complete();
}

void write_operation::set_items(std::span<buffer> items) noexcept {
    items_ = items;
    for (const buffer& item : items) {
        remaining_ += item.size();
    }
}

void write_operation::start() {
    if (flow_->writer_ != nullptr) {
        error_ = errc::busy;
    } else if (flow_->write_end_.has_value()) {
        error_ = *flow_->write_end_;
    } else if (remaining_ != 0) {
        flow_->writer_ = this;
        flow_->do_write(*this);
        return;
    }
    complete();
}

bool write_operation::stop(stop_reason reason) noexcept {
    if (flow_ == nullptr || !flow_->do_cancel(*this)) {
        return false;
    }
    error_ = to_error(reason);
    leave();
    return true;
}

void write_operation::leave() noexcept {
    if (flow* target = std::exchange(flow_, nullptr); target != nullptr) {
        target->writer_ = nullptr;
        target->start_next_control();
    }
}

void write_operation::accept(std::size_t count) noexcept {
    check(count <= remaining_, "a transport accepts at most what was written");
    remaining_ -= count;
    accepted_ += count;
    while (count != 0) {
        buffer& front = items_.front();
        const std::size_t part = std::min(count, front.size());
        front.remove_prefix(part);
        count -= part;
        if (front.empty()) {
            front.reset();
            items_ = items_.subspan(1);
        }
    }
}

buffer write_operation::take(std::size_t limit) noexcept {
    while (items_.front().empty()) {
        items_ = items_.subspan(1);
    }
    const std::size_t part = std::min(limit, items_.front().size());
    buffer taken = items_.front().take_front(part);
    if (items_.front().empty()) {
        items_ = items_.subspan(1);
    }
    remaining_ -= part;
    accepted_ += part;
    return taken;
}

void write_operation::succeed() noexcept {
    check(remaining_ == 0, "a write succeeds when all of it was accepted");
    leave();
    complete();
}

void write_operation::fail(error why) noexcept {
    if (flow_ != nullptr) {
        flow_->finish_writing(why);
    }
    error_ = std::move(why);
    leave();
    complete();
}

void write_operation::fail_stopped() noexcept {
    error_ = stopped() != stop_reason::none ? to_error(stopped()) : error(errc::aborted);
    leave();
    complete();
}

void control_operation::start() {
    flow& target = *flow_;
    if (kind_ == kind::shutdown && direction_ != direction::write) {
        target.shutdown_read();
        if (direction_ == direction::read) {
            complete();
            return;
        }
    }
    if (kind_ == kind::shutdown) {
        if (target.write_end_.has_value() && !(*target.write_end_ == errc::closed)) {
            error_ = *target.write_end_;
            complete();
            return;
        }
        if (target.told_ || target.closing_) {
            complete();
            return;
        }
    }
    if (kind_ == kind::close) {
        if (target.closing_ || target.ended_) {
            complete();
            return;
        }
        target.closing_ = true;
        if (target.writer_ != nullptr || target.control_ != nullptr) {
            target.do_begin_close();
        }
    }
    if (kind_ != kind::flush && !target.write_end_.has_value()) {
        target.write_end_ = errc::closed;
    }
    target.submit(*this);
}

bool control_operation::stop(stop_reason reason) noexcept {
    if (flow_ == nullptr) {
        return false;
    }
    flow& target = *flow_;
    if (kind_ == kind::close) {
        abort_instead(reason);
        return true;
    }
    const bool began = target.control_ == this;
    if (began) {
        target.do_cancel(*this);
    }
    error_ = to_error(reason);
    leave();
    if (kind_ == kind::shutdown && !began) {
        target.take_back_shutdown();
    }
    return true;
}

void control_operation::refuse(stop_reason reason) noexcept {
    if (kind_ != kind::close) {
        error_ = to_error(reason);
    } else if (!flow_->closing_ && !flow_->ended_) {
        abort_instead(reason);
    }
}

/// Ends every operation with the transport but this one, a close.
void control_operation::abort_instead(stop_reason reason) noexcept {
    flow& target = *flow_;
    // Taken off first, so that the abort does not end this operation as well.
    if (target.control_ == this) {
        target.control_ = nullptr;
        target.do_cancel(*this);
    } else {
        target.withdraw(*this);
    }
    flow_ = nullptr;
    target.abort();
    error_ = error(errc::aborted, "close gave up waiting (" + to_error(reason).message() + ")");
}

void control_operation::leave() noexcept {
    flow* target = std::exchange(flow_, nullptr);
    if (target == nullptr) {
        return;
    }
    if (target->control_ == this) {
        target->control_ = nullptr;
        if (kind_ == kind::close) {
            target->ended_ = true;
        }
        target->start_next_control();
    } else {
        target->withdraw(*this);
    }
}

void control_operation::succeed() noexcept {
    leave();
    complete();
}

void control_operation::fail(error why) noexcept {
    error_ = std::move(why);
    leave();
    complete();
}

void control_operation::fail_stopped() noexcept {
    fail(stopped() != stop_reason::none ? to_error(stopped()) : error(errc::aborted));
}

std::string_view control_operation::what() const noexcept {
    switch (kind_) {
    case kind::flush:
        return "flush of a flow";
    case kind::shutdown:
        return "shutdown of a flow";
    case kind::close:
        return "close of a flow";
    }
    return "control of a flow";
}

} // namespace runnel::inline v0
