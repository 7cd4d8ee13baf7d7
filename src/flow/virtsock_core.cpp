// SPDX-License-Identifier: Apache-2.0
#include "virtsock_core.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/flow/virtsock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Bytes kept of what has arrived and of what is to be sent.
constexpr std::size_t kept_bytes = std::size_t{64} * 1024;
/// Buffers that one write to the flow below takes: what its list holds without allocating.
constexpr std::size_t pieces_at_once = 4;
/// Turns of the loop that a reader may take to come again before a close discards something.
constexpr int turns_for_a_reader = 4;
/// How long the transport may take to end after both sides have said that they are done.
constexpr duration longest_farewell = std::chrono::seconds(10);

} // namespace

void virtsock_core::start_reading() {
    if (!input_.running() && wants_input()) {
        input_.start(pump_input(), "virtsock input", nullptr, shared_from_this());
    }
}

void virtsock_core::start_writing() {
    if (!output_.running() && !aborted_) {
        output_.start(pump_output(), "virtsock output", nullptr, shared_from_this());
    }
}

bool virtsock_core::is_full() const noexcept {
    return inbox_.bytes() >= kept_bytes && !discarding_ && !cut_;
}

bool virtsock_core::wants_input() const noexcept {
    return !input_over_ && !aborted_ && (!is_full() || closing_);
}

task<void> virtsock_core::pump_input() {
    while (wants_input()) {
        for (int turn = 0; turn < turns_for_a_reader && is_full(); ++turn) {
            static_cast<void>(co_await sleep_for(duration(1)));
        }
        result<buffer> got = co_await below_->read(kept_bytes);
        if (aborted_) {
            break;
        }
        if (got) {
            take(std::move(*got));
        } else {
            input_ended(std::move(got.error()));
        }
    }
}

void virtsock_core::take(buffer data) {
    while (!data.empty() && !input_over_) {
        std::size_t used = 0;
        const virtsock_parser::item found = parser_.next({data.data(), data.size()}, used);
        data.remove_prefix(used);
        if (found.what == virtsock_parser::kind::data) {
            deliver(data.share(0, found.size));
            data.remove_prefix(found.size);
        } else if (found.what != virtsock_parser::kind::nothing) {
            understood(found.what);
        }
        if (aborted_) {
            return;
        }
    }
}

void virtsock_core::deliver(buffer data) {
    if (discarding_ || cut_) {
        return;
    }
    if (closing_ && reader_ == nullptr && is_full()) {
        cut_ = true;
        return;
    }
    inbox_.push_back_compact(std::move(data));
    end_reader();
}

void virtsock_core::understood(virtsock_parser::kind what) {
    switch (what) {
    case virtsock_parser::kind::shutdown_read:
        peer_reads_ = false;
        end_writer();
        break;
    case virtsock_parser::kind::close:
        write_end_ = errc::reset;
        peer_gone_ = true;
        [[fallthrough]];
    case virtsock_parser::kind::shutdown_write:
        if (!read_end_) {
            read_end_ = errc::end;
        }
        end_reader();
        end_writer();
        start_writing(); // what there is to say at the end
        break;
    default:
        break_down(error(errc::protocol_error,
                         fmt::format("virtsock: {:#x} is neither the length of a message nor an "
                                     "end",
                                     parser_.word())));
        below_->abort();
    }
}

/// The flow below gives no more.
void virtsock_core::input_ended(error why) {
    input_over_ = true;
    if (why.kind() == errc::end && read_end_) {
        understood(virtsock_parser::kind::close);
        return;
    }
    break_down(why.kind() == errc::end
                   ? error(errc::truncated, "virtsock: the transport ended without a word")
                   : std::move(why));
}

void virtsock_core::break_down(error why) {
    input_over_ = true;
    if (!read_end_) {
        read_end_ = why;
    }
    end_reader();
    output_failed(std::move(why));
}

void virtsock_core::output_failed(error why) {
    if (told_ && read_end_ && read_end_->kind() == errc::end && (outbox_.empty() || close_told_)) {
        peer_gone_ = true; // both have said all, and nothing of it is lost
    }
    if (!write_end_) {
        write_end_ = why;
    }
    outbox_.clear();
    end_writer();
    end_flusher(fail(std::move(why)));
    end_closer();
}

void virtsock_core::read(read_operation& op) {
    reader_ = &op;
    end_reader();
    start_reading();
}

void virtsock_core::end_reader() {
    if (reader_ == nullptr) {
        return;
    }
    if (!inbox_.empty()) {
        std::exchange(reader_, nullptr)->succeed_from(inbox_);
    } else if (cut_) {
        std::exchange(reader_, nullptr)->fail(errc::closed);
    } else if (read_end_) {
        std::exchange(reader_, nullptr)->fail(*read_end_);
    }
}

void virtsock_core::write(write_operation& op) {
    writer_ = &op;
    end_writer();
}

void virtsock_core::tell(std::uint32_t word) {
    buffer frame = buffer::allocate(sizeof word, 0, 0);
    store_le32(frame.writable().data(), word);
    outbox_.push_back(std::move(frame));
}

void virtsock_core::fill_outbox() {
    while (writer_->remaining() != 0 && outbox_.bytes() < kept_bytes) {
        buffer message = writer_->take(virtsock::largest_message);
        tell(static_cast<std::uint32_t>(message.size()));
        outbox_.push_back(std::move(message));
    }
}

/// Goes on with a write, and ends it where that is possible.
void virtsock_core::end_writer() {
    if (writer_ == nullptr) {
        return;
    }
    if (write_end_) {
        std::exchange(writer_, nullptr)->fail(*write_end_);
        return;
    }
    if (!peer_reads_) {
        writer_->accept(writer_->remaining());
    } else {
        fill_outbox();
        start_writing();
    }
    if (writer_ != nullptr && writer_->remaining() == 0 &&
        (!writer_->nodelay() || outbox_.empty())) {
        std::exchange(writer_, nullptr)->succeed();
    }
}

task<void> virtsock_core::pump_output() {
    while (!aborted_) {
        if (!outbox_.empty()) {
            const result<void> sent = co_await send_some();
            if (!sent && !aborted_) {
                output_failed(sent.error());
            }
            end_writer();
        } else if (flusher_ != nullptr) {
            const result<void> flushed = co_await below_->flush();
            end_flusher(flushed);
        } else if (is_over() && !close_told_) {
            close_told_ = true;
            tell(virtsock::close);
        } else {
            break;
        }
    }
    if (is_over() && !aborted_ && !std::exchange(below_closed_, true)) {
        // Both sides have said all, so that nothing can be lost any more, whatever this gives.
        static_cast<void>(co_await with_timeout(longest_farewell, below_->close()));
        co_await input_.finished();
        gone_ = true;
        end_closer();
    }
}

/// Whether both sides are done, and one of them wants nothing more of the other.
bool virtsock_core::is_over() const noexcept {
    return told_ && (closer_ != nullptr || peer_gone_) && read_end_ &&
           read_end_->kind() == errc::end;
}

void virtsock_core::end_closer() {
    if (closer_ == nullptr) {
        return;
    }
    if (gone_) {
        std::exchange(closer_, nullptr)->succeed();
    } else if (read_end_ && read_end_->kind() != errc::end) {
        fail_closer(*read_end_);
    } else if (write_end_ && !peer_gone_ && !below_closed_) {
        fail_closer(*write_end_);
    }
}

/// A close that fails frees everything, too, except what can still be read.
void virtsock_core::fail_closer(error why) {
    control_operation& op = *std::exchange(closer_, nullptr);
    input_over_ = true;
    if (!read_end_) {
        read_end_ = why;
    }
    below_->abort();
    input_.request_stop();
    op.fail(std::move(why));
}

void virtsock_core::end_flusher(const result<void>& outcome) {
    if (flusher_ == nullptr) {
        return;
    }
    control_operation& op = *std::exchange(flusher_, nullptr);
    if (outcome) {
        op.succeed();
    } else {
        op.fail(outcome.error());
    }
}

task<result<void>> virtsock_core::send_some() {
    buffer_list pieces;
    for (std::size_t i = 0; i < std::min(outbox_.size(), pieces_at_once); ++i) {
        pieces.push_back(outbox_[i].share(0, outbox_[i].size()));
    }
    const write_result written = co_await below_->writev(std::move(pieces));
    if (aborted_) {
        co_return fail(errc::aborted);
    }
    if (!outbox_.empty()) { // unless everything broke down meanwhile
        outbox_.consume(written.accepted());
    }
    if (!written) {
        co_return fail(written.error());
    }
    co_return result<void>();
}

void virtsock_core::flush(control_operation& op) {
    flusher_ = &op;
    start_writing();
}

void virtsock_core::shutdown_write(control_operation& op) {
    tell_end();
    op.succeed();
}

void virtsock_core::tell_end() {
    if (!std::exchange(told_, true) && !write_end_) {
        tell(virtsock::shutdown_write);
    }
    start_writing();
}

void virtsock_core::shutdown_read() {
    discarding_ = true;
    inbox_.clear();
    if (!write_end_ && !read_end_ && !close_told_) {
        tell(virtsock::shutdown_read);
        start_writing();
    }
    start_reading();
}

void virtsock_core::begin_close() {
    closing_ = true;
    start_reading();
}

void virtsock_core::close(control_operation& op) {
    closer_ = &op;
    tell_end();
    begin_close();
    end_closer();
    start_writing();
}

void virtsock_core::abort() noexcept {
    aborted_ = true;
    inbox_.clear();
    outbox_.clear();
    below_->abort();
    input_.request_stop();
    output_.request_stop();
    if (reader_ != nullptr) {
        std::exchange(reader_, nullptr)->fail(errc::aborted);
    }
    if (writer_ != nullptr) {
        std::exchange(writer_, nullptr)->fail(errc::aborted);
    }
    for (control_operation** waiting : {&flusher_, &closer_}) {
        if (*waiting != nullptr) {
            std::exchange(*waiting, nullptr)->fail(errc::aborted);
        }
    }
}

} // namespace runnel::inline v0
