// SPDX-License-Identifier: Apache-2.0
#include "splice_transfer.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/core/buffer.hpp"
#include "stream.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
/// Bytes moved at one go before other tasks have their turn.
constexpr std::size_t bytes_per_turn = std::size_t{8} << 20;
/// So many fills in a row of less than this mean that the data is not bulky any more, and two calls
/// that move references cost more than two that copy.
constexpr int most_small_fills = 8;
constexpr std::size_t small_fill = std::size_t{16} * 1024;
/// What is taken back out of the pipe, in blocks of the pool. The whole pipe fits in a few.
constexpr std::size_t rest_piece = std::size_t{256} * 1024;
static_assert(kernel_pipe::most_capacity <= bulk_transfer::most_left * rest_piece);

bool is_nothing_now(int number) noexcept {
    return number == EAGAIN || number == EINTR;
}

/// Not an error of the socket: something below cannot splice, or a filter of system calls denies
/// it. Copying still works.
bool is_not_possible(int number) noexcept {
    return number == EINVAL || number == ENOSYS || number == EPERM || number == EOPNOTSUPP;
}

} // namespace

std::unique_ptr<bulk_transfer> splice_transfer::make(stream& source, stream& sink) {
    std::optional<kernel_pipe> pipe = kernel_pipe::take();
    if (!pipe) {
        return nullptr;
    }
    return std::make_unique<splice_transfer>(source, sink, std::move(*pipe));
}

splice_transfer::splice_transfer(stream& source, stream& sink, kernel_pipe pipe) noexcept
    : source_(&source), sink_(&sink), pipe_(std::move(pipe)) {}

splice_transfer::~splice_transfer() {
    detach();
    if (held_ == 0) {
        kernel_pipe::give_back(std::move(pipe_));
    }
}

task<buffer_list> splice_transfer::run(std::uint64_t limit, bulk_observer& observer) {
    left_ = limit;
    if (!source_->join_input(*this)) {
        source_ = nullptr;
        co_return buffer_list();
    }
    if (!sink_->join_output(*this)) {
        sink_ = nullptr;
        co_return buffer_list();
    }
    // Before the first byte is taken, because the backend may hold some back.
    bool goes_on = co_await wait_operation(*this, true);
    while (goes_on) {
        const state next = move(observer);
        if (next == state::over) {
            break;
        }
        if (next == state::busy) {
            loop& here = loop::current();
            const result<void> slept = co_await sleep_until(here.now() + duration(1));
            goes_on = slept.has_value() && source_ != nullptr && sink_ != nullptr;
        } else {
            goes_on = co_await wait_operation(*this, next == state::waits_for_input);
        }
    }
    detach();
    co_return take_rest();
}

/// Moves what can be moved now, and tells what to do next.
splice_transfer::state splice_transfer::move(bulk_observer& observer) noexcept {
    read_ = 0;
    written_ = 0;
    bool filled = true;
    bool drained = true;
    while (written_ < bytes_per_turn && (filled || drained)) {
        filled = held_ < pipe_.capacity() && left_ != 0 && !source_over_ && fill();
        drained = held_ != 0 && sink_ != nullptr && drain();
    }
    if (read_ != 0 || written_ != 0) {
        observer.moved(read_, written_);
    }
    const bool nothing_left = left_ == 0 || source_over_ || small_fills_ >= most_small_fills;
    if (sink_ == nullptr || (nothing_left && held_ == 0)) {
        return state::over;
    }
    if (filled || drained) {
        return state::busy;
    }
    return held_ != 0 ? state::waits_for_output : state::waits_for_input;
}

/// From the source into the pipe. Whether something came.
bool splice_transfer::fill() noexcept {
    const std::size_t room = pipe_.capacity() - held_;
    const std::size_t most = static_cast<std::size_t>(std::min<std::uint64_t>(room, left_));
    const ssize_t got =
        ::splice(source_->fd(), nullptr, pipe_.input(), nullptr, most, splice_flags);
    if (got > 0) {
        const auto size = static_cast<std::size_t>(got);
        held_ += size;
        read_ += size;
        left_ -= size;
        small_fills_ = size < small_fill ? small_fills_ + 1 : 0;
        return true;
    }
    if (got < 0 && is_nothing_now(errno)) {
        return false;
    }
    source_over_ = true;
    if (got < 0 && !is_not_possible(errno)) { // an end is found again by a read
        source_->note_input_error(errno);     // which the kernel tells only once
    }
    return false;
}

/// From the pipe into the sink. Whether something went.
bool splice_transfer::drain() noexcept {
    const ssize_t put =
        ::splice(pipe_.output(), nullptr, sink_->output_fd(), nullptr, held_, splice_flags);
    if (put > 0) {
        const auto size = static_cast<std::size_t>(put);
        held_ -= size;
        written_ += size;
        sink_->note_written(size);
        return true;
    }
    if (put < 0 && is_not_possible(errno)) {
        std::exchange(sink_, nullptr)->leave(*this);
    } else if (put < 0 && !is_nothing_now(errno)) {
        sink_->note_output_error(errno);
    }
    return false;
}

/// What is in the pipe, for the flows' own operations.
buffer_list splice_transfer::take_rest() {
    buffer_list rest;
    while (held_ != 0) {
        buffer piece = buffer::allocate(std::min(held_, rest_piece));
        const ssize_t got = ::read(pipe_.output(), piece.writable().data(), piece.size());
        if (got <= 0) {
            break; // cannot be: it is there
        }
        piece.truncate(static_cast<std::size_t>(got));
        held_ -= static_cast<std::size_t>(got);
        rest.push_back(std::move(piece));
    }
    return rest;
}

void splice_transfer::detach() noexcept {
    if (stream* source = std::exchange(source_, nullptr); source != nullptr) {
        source->leave(*this);
    }
    if (stream* sink = std::exchange(sink_, nullptr); sink != nullptr) {
        sink->leave(*this);
    }
}

void splice_transfer::on_leave(stream& from) noexcept {
    if (&from == source_) {
        source_ = nullptr;
        source_over_ = true;
    }
    if (&from == sink_) {
        sink_ = nullptr;
    }
    end_wait(false);
}

void splice_transfer::end_wait(bool goes_on) noexcept {
    if (wait_operation* op = std::exchange(waiting_, nullptr); op != nullptr) {
        op->end(goes_on);
    }
}

void splice_transfer::wait_operation::start() {
    stream* awaited = for_input_ ? user_->source_ : user_->sink_;
    if (awaited == nullptr) {
        complete();
        return;
    }
    user_->waiting_ = this;
    if (for_input_) {
        awaited->await_input();
    } else {
        awaited->await_output();
    }
}

bool splice_transfer::wait_operation::stop(stop_reason /*reason*/) noexcept {
    user_->waiting_ = nullptr;
    goes_on_ = false;
    return true;
}

} // namespace runnel::inline v0::host
