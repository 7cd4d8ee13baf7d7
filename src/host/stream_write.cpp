// SPDX-License-Identifier: Apache-2.0
#include "ancillary.hpp"
#include "bystander.hpp"
#include "stream.hpp"

#include <cerrno>
#include <cstddef>
#include <new>
#include <span>
#include <utility>

namespace runnel::inline v0::host {
namespace {

/// Buffers that one call sends.
constexpr std::size_t pieces_at_once = 64;
/// Sends in a row that finish at once, before others get their turn.
constexpr int sends_per_turn = 16;

} // namespace

void stream::write(write_operation& op) {
    if (auto end = end_of_writing()) {
        op.fail(std::move(*end));
        return;
    }
    options_.unsent_syn = false;
    dismiss(output_user_);
    writer_ = &op;
    pump_writing();
}

bool stream::cancel(write_operation& /*op*/) noexcept {
    // The kernel may be reading the buffers, so the operation stays until it lets go of them.
    const bool off = take_back(out_) || out_.kind == io_kind::writable;
    if (off) {
        writer_ = nullptr;
        progress_.cancel();
    }
    return off;
}

void stream::on_output() noexcept {
    sent();
    if (retiring_) {
        finish_release();
    } else {
        pump_writing();
    }
}

void stream::pump_writing() noexcept {
    for (int left = sends_per_turn;
         writer_ != nullptr && writer_->remaining() != 0 && !out_.pending(); --left) {
        if (left == 0) {
            yield();
            return;
        }
        prepare_send();
        if (!io_.start(out_)) {
            return;
        }
        sent();
    }
}

void stream::prepare_send() noexcept {
    const std::span<buffer> rest = writer_->rest();
    std::span<iovec> room = pieces_;
    if (rest.size() > room.size()) {
        if (more_pieces_.empty()) {
            more_pieces_ = buffer::allocate(pieces_at_once * sizeof(iovec), 0, 0);
        }
        // The blocks of buffers are aligned for anything.
        room = {new (more_pieces_.writable().data()) iovec[pieces_at_once], pieces_at_once};
    }
    std::size_t count = 0;
    for (const buffer& piece : rest) {
        if (count == room.size()) {
            break;
        }
        if (!piece.empty()) {
            room[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
        }
    }
    out_.cancelled = false;
    out_.kind = io_kind::send;
    out_.message.msg_iov = room.data();
    out_.message.msg_iovlen = count;
    if (passing_ != nullptr) {
        passing_->prepare_send(out_.message);
    }
    out_.zero_copy = options_.zero_copy != 0 && writer_->remaining() >= options_.zero_copy;
}

void stream::sent() noexcept {
    if (out_.kind == io_kind::writable) {
        if (std::exchange(output_awaited_, false)) {
            output_user_->on_output();
        }
        return;
    }
    const int result = out_.result;
    if (result >= 0) {
        accepted_ += static_cast<std::size_t>(result);
        writer_->accept(static_cast<std::size_t>(result));
        if (passing_ != nullptr) {
            passing_->stop_sending(); // they went with the first byte
        }
    }
    const bool all = writer_->remaining() == 0;
    sent_in_part_ |= !all;
    if (aborted_) {
        end_writer(all && !writer_->nodelay() ? std::nullopt : std::optional<error>(errc::aborted));
    } else if (all && !(out_.cancelled && writer_->nodelay())) {
        all_accepted();
    } else if (out_.cancelled && (result >= 0 || result == -ECANCELED)) {
        more_pieces_.reset();
        std::exchange(writer_, nullptr)->fail_stopped();
    } else if (result < 0 && result != -EAGAIN && result != -EINTR && result != -EINPROGRESS) {
        output_failed(-result);
    }
}

void stream::all_accepted() noexcept {
    if (writer_->nodelay() && kind_ == stream_kind::tcp) {
        push();
        watch_progress();
    } else {
        end_writer(std::nullopt);
    }
}

void stream::output_failed(int number) noexcept {
    output_ended(number);
    end_writer(error::from_errno(write_end_));
}

void stream::output_ended(int number) noexcept {
    if (number == ENOTCONN) {
        number = ECONNRESET; // as vsock tells it
    }
    if (number == EPIPE && broken_ != 0) {
        number = broken_; // which was told to a read
    }
    // EPIPE alone: a peer of a Unix socket is gone, and what it sent before can still be read. With
    // TCP, a send that got some of its bytes across has swallowed the error that came then.
    if (is_socket() && broken_ == 0 && (number != EPIPE || kind_ == stream_kind::tcp)) {
        broken_ = number;
    }
    write_end_ = number;
}

void stream::end_writer(std::optional<error> why) noexcept {
    more_pieces_.reset();
    write_operation& op = *std::exchange(writer_, nullptr);
    if (why) {
        op.fail(std::move(*why));
    } else {
        op.succeed();
    }
}

std::optional<error> stream::end_of_writing() const noexcept {
    const int number = write_end_ != still_open ? write_end_ : broken_;
    if (number == still_open) {
        return std::nullopt;
    }
    if (number == EBADF) {
        return error(errc::not_supported, "the file is not open for writing");
    }
    return error::from_errno(number);
}

} // namespace runnel::inline v0::host
