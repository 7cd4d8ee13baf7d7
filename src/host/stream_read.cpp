// SPDX-License-Identifier: Apache-2.0
#include "ancillary.hpp"
#include "bystander.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "stream.hpp"
#include "tcp_progress.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

/// Sizes of receive buffers that a stream goes up and down in, as blocks of the pool fill them.
constexpr std::array receive_sizes{buffer_pool::class_sizes[2], buffer_pool::class_sizes[3],
                                   buffer_pool::class_sizes[4]};
/// What a close keeps readable while nobody reads, as much as the largest receive buffer.
constexpr std::size_t kept_bytes = receive_sizes.back();
/// Receives in a row that finish at once, during a close or while discarding, before others get
/// their turn.
constexpr int receives_per_turn = 16;
/// Turns of the loop that a reader may take to come again, before a close with a full stash
/// discards something: what a busy loop needs to continue every task that is ready.
constexpr std::uint8_t turns_for_a_reader = 4;

} // namespace

void stream::read(read_operation& op) {
    if (!stash_.empty()) {
        patience_ = turns_for_a_reader;
        op.succeed_from(stash_);
        return;
    }
    if (auto end = end_of_reading()) {
        op.fail(std::move(*end));
        return;
    }
    dismiss(input_user_);
    reader_ = &op;
    pump_reading();
}

bool stream::cancel(read_operation& /*op*/) noexcept {
    // Only a receive into the caller's memory needs the operation until the kernel lets go of it.
    const bool into_memory = in_.kind == io_kind::receive_into;
    if (into_memory && !take_back(in_)) {
        return false;
    }
    reader_ = nullptr;
    if (!wants_input()) {
        static_cast<void>(take_back(in_));
    } else if (into_memory) { // a close that goes on
        pump_reading();
    }
    return true;
}

void stream::shutdown_read() noexcept {
    dismiss(input_user_);
    discarding_ = true;
    stash_.clear();
    pump_reading();
}

void stream::on_input() noexcept {
    received();
    if (retiring_) {
        finish_release();
    } else {
        pump_reading();
    }
}

bool stream::wants_input() const noexcept {
    return read_end_ == still_open && open_ && !retiring_ &&
           (reader_ != nullptr || discarding_ || closing_ || input_awaited_);
}

/// Whether a close keeps no more, unless somebody reads.
bool stream::is_full() const noexcept {
    return closing_ && reader_ == nullptr && stash_.bytes() >= kept_bytes;
}

/// Whether something has to be discarded next, unless somebody reads.
bool stream::waits_for_reader() const noexcept {
    return input_waits_ && is_full() && !cut_ && !discarding_;
}

void stream::pump_reading() noexcept {
    for (int left = receives_per_turn; !in_.pending() && wants_input(); --left) {
        if (left == 0 || (waits_for_reader() && patience_ != 0)) {
            yield();
            return;
        }
        prepare_receive();
        if (!io_.start(in_)) {
            return;
        }
        received();
    }
    if (read_end_ != still_open) {
        settle_close();
    }
}

void stream::prepare_receive() noexcept {
    if (options_.unsent_syn) {
        // Until the first write, nothing was sent at all, and nothing could arrive.
        options_.unsent_syn = false;
        static_cast<void>(::send(file_.fd(), nullptr, 0, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    in_.cancelled = false;
    if (reader_ != nullptr && reader_->into_memory()) {
        in_.kind = io_kind::receive_into;
        const std::span<std::byte> target = reader_->target();
        target_ = {target.data(), target.size()};
        in_.message.msg_iov = &target_;
        in_.message.msg_iovlen = 1;
        if (passing_ != nullptr) {
            in_.flags = MSG_CMSG_CLOEXEC;
            passing_->prepare_receive(in_.message);
        }
    } else if (input_awaited_ || (is_full() && !cut_ && !discarding_ && !input_waits_)) {
        in_.kind = io_kind::readable; // when full: is there more at all, or just the end?
    } else {
        in_.kind = io_kind::receive;
        // Small receives may run ahead of their requests, and descriptors would be lost with them.
        const std::size_t least = passing_ != nullptr ? 1 : 0;
        in_.size_hint = receive_sizes[std::max<std::size_t>(receive_class_, least)];
    }
}

void stream::received() noexcept {
    if (in_.kind == io_kind::receive_into) {
        received_into();
    } else if (in_.result < 0) {
        input_failed(-in_.result);
    } else if (in_.kind == io_kind::readable && input_awaited_) {
        input_awaited_ = false;
        input_user_->on_input(in_.result);
    } else if (in_.kind == io_kind::readable) {
        input_waits_ = true;
        patience_ = turns_for_a_reader;
    } else if (in_.result == 0) {
        input_finished();
    } else {
        adapt_size(static_cast<std::size_t>(in_.result));
        deliver(std::move(in_.data));
    }
}

void stream::received_into() noexcept {
    const int result = in_.result;
    if (passing_ != nullptr && result >= 0) {
        passing_->received(in_.message);
    }
    read_operation& op = *std::exchange(reader_, nullptr);
    const bool taken_back = aborted_ || discarding_ || op.stopped() != stop_reason::none;
    if (taken_back) {
        if (result > 0 && !aborted_ && !discarding_) {
            stash_.push_back(buffer::copy_of(op.target().first(static_cast<std::size_t>(result))));
        } else if (result == 0) {
            input_finished();
        } else if (result < 0) {
            input_failed(-result);
        }
        op.fail_stopped();
    } else if (result > 0) {
        op.succeed_into(static_cast<std::size_t>(result));
    } else {
        reader_ = &op;
        if (result == 0) {
            input_finished();
        } else {
            input_failed(-result);
        }
    }
}

void stream::deliver(buffer data) noexcept {
    input_waits_ = false;
    if (discarding_ || cut_ || aborted_) {
        return;
    }
    if (is_full()) {
        cut_ = true;
        return;
    }
    if (reader_ == nullptr) {
        stash_.push_back(std::move(data));
        return;
    }
    read_operation& op = *std::exchange(reader_, nullptr);
    const std::size_t limit = op.hint() != 0 ? op.hint() : buffer::max_size;
    if (op.into_memory() || data.size() > limit) {
        stash_.push_back(std::move(data));
        op.succeed_from(stash_);
    } else {
        op.succeed(std::move(data));
    }
}

/// Larger buffers for a sender that fills them; smaller again when they stay mostly empty.
void stream::adapt_size(std::size_t got) noexcept {
    if (got >= receive_sizes[receive_class_]) {
        receive_class_ = static_cast<std::uint8_t>(
            std::min<std::size_t>(receive_class_ + 1U, receive_sizes.size() - 1));
    } else if (receive_class_ > 0 && got <= receive_sizes[receive_class_ - 1U] / 2) {
        --receive_class_;
    }
}

void stream::input_failed(int number) noexcept {
    if (number == EAGAIN || number == EINTR || (number == ECANCELED && in_.cancelled)) {
        return; // whoever still wants input asks again
    }
    input_ended(number == ENOTCONN ? ECONNRESET : number); // as vsock tells a reset
}

/// A receive found the end. A send that the kernel went on with by itself, got some bytes across
/// and then met an error has swallowed the error; what is left of it is the state of the
/// connection.
void stream::input_finished() noexcept {
    const bool swallowed = kind_ == stream_kind::tcp && !fin_sent_ &&
                           (writer_ != nullptr || sent_in_part_) &&
                           tcp_progress::of(file_.fd()).gone;
    input_ended(swallowed ? ECONNRESET : ended);
}

void stream::input_ended(int how) noexcept {
    // The kernel tells an error once, to either direction; after that, reading looks like the end.
    read_end_ = how == ended && broken_ != 0 ? broken_ : how;
    if (how != ended && is_socket() && broken_ == 0) {
        broken_ = how;
    }
    dismiss(input_user_);
    if (read_operation* op = std::exchange(reader_, nullptr); op != nullptr) {
        op->fail(*end_of_reading());
    }
    if (broken_ != 0 && progress_.armed()) {
        loop_.arm(progress_, loop_.now());
    }
}

std::optional<error> stream::end_of_reading() const noexcept {
    if (aborted_) {
        return errc::aborted;
    }
    if (cut_) {
        return errc::closed;
    }
    if (read_end_ == still_open) {
        return std::nullopt;
    }
    return read_end_ == ended ? error(errc::end) : error::from_errno(read_end_);
}

} // namespace runnel::inline v0::host
