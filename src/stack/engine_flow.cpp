// SPDX-License-Identifier: Apache-2.0
#include "engine_flow.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

engine_flow::~engine_flow() {
    abort();
    if (count_ != nullptr) {
        --count_->open;
    }
}

void engine_flow::begin(tcp_entry& entry, const tcp_flow_options& options) noexcept {
    entry_ = &entry;
    key_ = entry.key();
    engine().set_no_delay(options.nodelay);
    set_cork(options.cork);
    if (options.keepalive) {
        engine().set_keepalive(*options.keepalive, driver_->now());
    }
    if (options.user_timeout) {
        engine().set_user_timeout(*options.user_timeout);
    }
}

void engine_flow::count_in(std::shared_ptr<flow_count> count) noexcept {
    count_ = std::move(count);
    ++count_->open;
}

std::optional<result<void>> engine_flow::opened() const {
    if (failure_) {
        return fail(*failure_);
    }
    const bool opening = entry_ != nullptr && (engine().state() == tcp_state::syn_sent ||
                                               engine().state() == tcp_state::syn_received);
    return opening ? std::nullopt : std::optional<result<void>>(result<void>());
}

tcp_info engine_flow::info() const {
    return entry_ != nullptr ? entry_->info(driver_->now()) : tcp_info();
}

void engine_flow::set_nodelay(bool on) noexcept {
    if (entry_ != nullptr) {
        engine().set_no_delay(on);
        driver_->update(*entry_);
    }
}

void engine_flow::set_cork(bool on) noexcept {
    corked_ = on;
    if (entry_ != nullptr) {
        engine().set_cork(on);
        driver_->update(*entry_);
    }
}

void engine_flow::set_keepalive(const tcp_keepalive& probes) noexcept {
    if (entry_ != nullptr) {
        engine().set_keepalive(probes, driver_->now());
        driver_->update(*entry_);
    }
}

void engine_flow::set_user_timeout(duration limit) noexcept {
    if (entry_ != nullptr) {
        engine().set_user_timeout(limit);
        driver_->update(*entry_);
    }
}

// ---- what happens to the connection

void engine_flow::on_events(tcp_events what) noexcept {
    if (what.ended) {
        let_go();
    }
    if (opening_ != nullptr && (what.connected || what.ended)) {
        std::exchange(opening_, nullptr)->end(*opened());
    }
    settle();
}

void engine_flow::on_disconnect() noexcept {
    keep_what_came();
    entry_ = nullptr;
    failure_ = failure_.value_or(errc::aborted);
    if (opening_ != nullptr) {
        std::exchange(opening_, nullptr)->end(fail(errc::aborted));
    }
    settle();
}

/// Moves what is readable here, where a connection does not have to be held for it.
void engine_flow::keep_what_came() noexcept {
    while (engine().readable() > 0) {
        kept_.push_back(engine().read(driver_->now()));
    }
}

/// The connection is over: what is left of it is kept, and it goes.
void engine_flow::let_go() noexcept {
    keep_what_came();
    failure_ = engine().failure();
    finished_ = engine().finished();
    driver_->release(*std::exchange(entry_, nullptr));
}

/// Ends every operation that can be ended. The last thing in a function: ending one may begin the
/// next.
void engine_flow::settle() noexcept {
    if (read_operation* const op = reader(); op != nullptr) {
        const bool from_engine = entry_ != nullptr && kept_.empty();
        if (give(*op) && from_engine && entry_ != nullptr) {
            driver_->update(*entry_); // the window may have opened
        }
    }
    if (write_operation* const op = writer(); op != nullptr) {
        push_in(*op);
        finish_write();
    }
    settle_control();
    watch_for_readers();
}

// ---- reading

error engine_flow::end_of_reading() const noexcept {
    if (cut_) {
        return errc::closed;
    }
    return finished_ || !failure_ ? errc::end : *failure_;
}

bool engine_flow::give_from_engine(read_operation& op) noexcept {
    if (engine().readable() == 0) {
        return false;
    }
    if (op.into_memory()) {
        op.succeed_into(engine().read_into(op.target(), driver_->now()));
        return true;
    }
    buffer data = engine().read(driver_->now());
    if (op.hint() != 0 && data.size() > op.hint()) {
        buffer front = data.take_front(op.hint());
        kept_.push_front(std::move(data));
        data = std::move(front);
    }
    op.succeed(std::move(data));
    return true;
}

bool engine_flow::give(read_operation& op) noexcept {
    if (!kept_.empty()) {
        op.succeed_from(kept_);
        return true;
    }
    if (entry_ != nullptr && !cut_) {
        if (give_from_engine(op)) {
            return true;
        }
        if (!engine().finished()) {
            return false;
        }
    }
    op.fail(end_of_reading());
    return true;
}

void engine_flow::do_read(read_operation& op) {
    const bool from_engine = entry_ != nullptr && kept_.empty();
    if (give(op) && from_engine && entry_ != nullptr) {
        driver_->update(*entry_);
    }
}

bool engine_flow::do_cancel(read_operation& /*op*/) noexcept {
    return true;
}

void engine_flow::do_shutdown_read() noexcept {
    kept_.clear();
    if (entry_ != nullptr) {
        engine().shutdown_read();
        driver_->update(*entry_);
    }
}

// ---- writing

errc engine_flow::end_of_writing() const noexcept {
    return failure_.value_or(errc::closed);
}

void engine_flow::push_in(write_operation& op) noexcept {
    if (entry_ == nullptr) {
        return;
    }
    bool moved = false;
    while (op.remaining() > 0) {
        const std::size_t room = engine().write_room();
        if (room == 0) {
            break;
        }
        buffer data = op.take(room);
        engine().write(data, driver_->now());
        moved = true;
    }
    if (op.remaining() == 0 && op.nodelay()) {
        engine().push();
    }
    if (moved) {
        driver_->update(*entry_);
    }
}

void engine_flow::finish_write() noexcept {
    write_operation* const op = writer();
    if (op == nullptr) {
        return;
    }
    if (op->remaining() == 0 && !op->nodelay()) {
        op->succeed();
    } else if (entry_ == nullptr) {
        op->fail(end_of_writing());
    } else if (op->remaining() == 0 && engine().sender().unacknowledged() == 0) {
        op->succeed();
    }
}

void engine_flow::do_write(write_operation& op) {
    push_in(op);
    finish_write();
}

bool engine_flow::do_cancel(write_operation& /*op*/) noexcept {
    return true;
}

// ---- control

void engine_flow::do_flush(control_operation& /*op*/) {
    if (entry_ != nullptr) {
        engine().set_cork(false);
        engine().push();
        driver_->update(*entry_);
    }
    settle_control();
}

void engine_flow::do_shutdown_write(control_operation& op) {
    if (entry_ == nullptr && failure_) {
        op.fail(*failure_);
        return;
    }
    if (entry_ != nullptr) {
        engine().shutdown_write(driver_->now());
        driver_->update(*entry_);
    }
    if (control() == &op) {
        op.succeed();
    }
}

void engine_flow::do_begin_close() noexcept {
    closing_ = true;
    watch_for_readers();
}

void engine_flow::do_close(control_operation& /*op*/) {
    closing_ = true;
    if (entry_ != nullptr) {
        engine().shutdown_write(driver_->now());
        driver_->update(*entry_);
    }
    settle();
}

/// Ends a flush when everything left, and a close when the connection is over.
void engine_flow::settle_control() noexcept {
    control_operation* const op = control();
    if (op == nullptr) {
        return;
    }
    if (entry_ == nullptr) {
        if (failure_) {
            op->fail(*failure_);
        } else {
            op->succeed();
        }
    } else if (!closing_ && engine().sender().unsent() == 0) {
        engine().set_cork(corked_);
        op->succeed();
    }
}

void engine_flow::do_cancel(control_operation& /*op*/) noexcept {
    if (entry_ != nullptr) {
        engine().set_cork(corked_);
    }
}

/// During a close, a peer that still writes must not be held up by data that nobody reads: what
/// fills the window is moved aside, and if then still more comes, it is discarded. A reader that
/// was just given something has a turn of the loop to come again.
void engine_flow::watch_for_readers() noexcept {
    if (!closing_ || entry_ == nullptr || reader() != nullptr || cut_ || armed()) {
        return;
    }
    const tcp_receiver& receiver = engine().receiver();
    const std::uint32_t window = receiver.edge() - receiver.next();
    const bool held_up =
        draining_ ? engine().readable() > 0
                  : window < std::max(engine().sender().segment_size(), receiver.limit() / 2) &&
                        engine().readable() > 0;
    if (held_up) {
        // Not at once: timers that are due fire before the tasks that were woken run.
        driver_->owner().arm(*this, driver_->now() + duration(1));
    }
}

void engine_flow::nobody_came(timer& self) noexcept {
    auto& flow = static_cast<engine_flow&>(self);
    if (flow.entry_ == nullptr || flow.reader() != nullptr || flow.cut_) {
        return;
    }
    if (flow.kept_.bytes() < flow.engine().receiver().limit()) {
        flow.draining_ = true;
        flow.keep_what_came();
    } else {
        flow.cut_ = true;
        flow.engine().shutdown_read();
    }
    flow.driver_->update(*flow.entry_);
}

void engine_flow::do_abort() noexcept {
    cancel();
    kept_.clear();
    failure_ = failure_.value_or(errc::aborted);
    if (entry_ != nullptr) {
        engine().abort(driver_->now());
        driver_->release(*std::exchange(entry_, nullptr));
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

} // namespace runnel::inline v0::stack
