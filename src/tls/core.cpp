// SPDX-License-Identifier: Apache-2.0
#include "core.hpp"

#include "../flow/detached.hpp"
#include "runnel/async/blocking.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace runnel::inline v0::tls {
namespace {

/// Ciphertext that waits for the flow below while that is busy; what it has taken comes on top.
constexpr std::size_t output_most = std::size_t{64} * 1024;
/// Plaintext that stays readable during a close.
constexpr std::size_t kept_most = std::size_t{128} * 1024;
/// As many pieces as a `buffer_list` holds without allocating.
constexpr std::size_t pieces_at_once = 4;

/// Shares, so that what the flow below does not accept stays in the queue.
buffer_list front_of(buffer_queue& output) {
    buffer_list pieces;
    for (std::size_t i = 0; i < std::min(output.size(), pieces_at_once); ++i) {
        pieces.push_back(output[i].share());
    }
    return pieces;
}

/// The loop ends, and stops what it would otherwise leave behind: nothing is wrong with the flow.
bool is_stopped(const error& why) {
    return why == errc::cancelled;
}

} // namespace

task<result<void>> core::exchange_output() {
    while (!tls.output().empty()) {
        const write_result sent = co_await below->writev(front_of(tls.output()));
        tls.output().consume(sent.accepted());
        if (!sent) {
            co_return fail(sent.error());
        }
    }
    co_return result<void>();
}

/// Goes on with the handshake as far as the input reaches, here or on a thread of the pool.
task<result<engine::status>> core::step_of_handshake() {
    tls.now = loop::current().now();
    if (!on_pool_ || !tls.has_input()) {
        co_return tls.handshake();
    }
    engine::status now = engine::status::blocked;
    OSSL_LIB_CTX* used = library::local().get();
    tls.leave_thread();
    const result<void> ran = co_await run_blocking([&] {
        now = tls.handshake();
        OPENSSL_thread_stop_ex(used); // what OpenSSL keeps for the thread must not outlive `used`
    });
    tls.return_to_thread();
    if (!ran) {
        co_return fail(ran.error());
    }
    co_return now;
}

task<result<void>> core::handshake(std::size_t limit) {
    std::size_t received = 0;
    std::optional<error> write_failure;
    for (;;) {
        const result<engine::status> stepped = co_await step_of_handshake();
        if (!stepped) {
            co_return fail(stepped.error());
        }
        const engine::status now = *stepped;
        if (now == engine::status::done) {
            co_return result<void>(); // what the engine still has to say goes out by itself
        }
        if (!write_failure.has_value()) {
            const result<void> sent = co_await exchange_output();
            if (!sent) {
                // The peer may have said why before it went.
                write_failure = sent.error();
            }
        }
        if (now == engine::status::finished) {
            co_return fail(write_failure.has_value() && tls.input_ended() ? *write_failure
                                                                          : *tls.failure());
        }
        result<buffer> data = co_await below->read(input_chunk);
        if (!data && (data.error() == errc::cancelled || data.error() == errc::timed_out)) {
            co_return fail(data.error());
        }
        if (!data) {
            tls.receive_end(data.error());
            continue;
        }
        received += data->size();
        if (received > limit) {
            co_return fail(error(make_error_code(fault::handshake_limit), ""));
        }
        tls.receive(std::move(*data));
    }
}

void core::start_sending() {
    if (!sending_ && !aborted_) {
        sending_ = true;
        run_detached(send(shared_from_this()), "TLS sender");
    }
}

task<void> core::send(std::shared_ptr<core> self) {
    core& c = *self;
    while (!c.aborted_ && !c.write_error_.has_value()) {
        c.fill();
        if (!c.tls.output().empty()) {
            c.sent_in_turn_ = loop::current().statistics().polls;
        }
        if (c.tls.output().size() == 1) { // the common case, short
            const write_result sent =
                co_await write_awaiter(*c.below, c.tls.output().front().share(), c.nodelay_);
            if (!c.note_sent(sent)) {
                break;
            }
            continue;
        }
        if (!c.tls.output().empty()) {
            const write_result sent =
                co_await writev_awaiter(*c.below, front_of(c.tls.output()), c.nodelay_);
            if (!c.note_sent(sent)) {
                break;
            }
            continue;
        }
        if (c.writer_ != nullptr &&
            c.writer_->remaining() == 0) { // without delay, and acknowledged
            c.nodelay_ = false;
            std::exchange(c.writer_, nullptr)->succeed();
            continue;
        }
        const bool finishes = c.finishing_ && !c.tls.shakes_hands();
        if ((finishes || c.tls.failure().has_value()) && !c.told_below_) {
            if (c.half_close_below_ || c.tls.failure().has_value()) {
                const result<void> told = co_await c.below->shutdown(direction::write);
                if (!told) {
                    if (!c.note_failure(told.error())) {
                        break;
                    }
                    continue;
                }
            }
            c.told_below_ = true;
            c.advance();
            continue;
        }
        if (c.flushes_done_ < c.flushes_asked_) {
            const std::uint64_t now = c.flushes_asked_;
            const result<void> flushed = co_await c.below->flush();
            if (!flushed) {
                if (!c.note_failure(flushed.error())) {
                    break;
                }
                continue;
            }
            c.flushes_done_ = now;
            c.advance();
            continue;
        }
        break;
    }
    c.sending_ = false;
}

/// Drops what the flow below took. False if nothing more is to be sent.
bool core::note_sent(const write_result& sent) {
    if (aborted_) {
        return false;
    }
    tls.output().consume(sent.accepted());
    return sent.has_value() || note_failure(sent.error());
}

/// The flow below takes no more. False if that is no failure of it.
bool core::note_failure(const error& why) {
    if (aborted_ || is_stopped(why)) {
        return false;
    }
    if (!write_error_.has_value()) {
        write_error_ = why;
    }
    tls.output().clear();
    if (writer_ != nullptr) {
        std::exchange(writer_, nullptr)->fail(*write_error_);
    }
    advance();
    return true;
}

/// Encrypts what the waiting write has, as far as there is room.
void core::fill() {
    if (writer_ == nullptr) {
        return;
    }
    if (!tls.write(*writer_, output_most)) {
        std::exchange(writer_, nullptr)->fail(*tls.failure());
    } else if (writer_->remaining() == 0 && !writer_->nodelay()) {
        std::exchange(writer_, nullptr)->succeed();
    }
}

void core::write(write_operation& op) {
    if (write_error_.has_value()) {
        op.fail(*write_error_);
        return;
    }
    writer_ = &op;
    nodelay_ = nodelay_ || op.nodelay();
    const bool gathers = sent_in_turn_ == loop::current().statistics().polls && !nodelay_;
    if (sending_ || gathers) {
        fill();
    }
    if (!sending_ && (!gathers || writer_ != nullptr)) {
        start_sending();
    } else if (!sending_ && !gathering_) {
        gathering_ = true;
        run_detached(send_later(shared_from_this()), "TLS sender");
    }
}

/// The first records of a turn leave at once; what is written later in it leaves together.
task<void> core::send_later(std::shared_ptr<core> self) {
    co_await yield();
    self->gathering_ = false;
    if (!self->tls.output().empty()) {
        self->start_sending();
    }
}

void core::finish_handshake(time_point deadline) {
    handshake_deadline_ = deadline;
    start_receiving();
}

void core::start_receiving() {
    if (!receiving_ && !aborted_) {
        receiving_ = true;
        run_detached(receive(shared_from_this()), "TLS receiver");
    }
}

task<void> core::receive(std::shared_ptr<core> self) {
    core& c = *self;
    while (!c.aborted_) {
        c.digest();
        if (c.overfull()) {
            // Whoever was just given something has the time to come again.
            co_await yield();
            co_await yield();
            c.dropping_ = c.dropping_ || c.overfull();
            continue;
        }
        if (!c.wants_input()) {
            break;
        }
        result<buffer> data = fail(errc::timed_out);
        if (c.tls.shakes_hands()) {
            data = co_await with_deadline(c.handshake_deadline_, c.below->read(input_chunk));
        } else {
            data = co_await c.below->read(input_chunk);
        }
        if (c.aborted_ || (!data && is_stopped(data.error()))) {
            break;
        }
        if (data) {
            c.tls.receive(std::move(*data));
        } else {
            c.tls.receive_end(std::move(data.error()));
        }
    }
    c.receiving_ = false;
}

bool core::wants_input() const noexcept {
    return !tls.read_end().has_value() && !tls.input_ended() &&
           (reader_ != nullptr || discarding_ || closing_ || tls.shakes_hands());
}

bool core::overfull() const noexcept {
    return closing_ && !discarding_ && !dropping_ && reader_ == nullptr &&
           kept_.bytes() >= kept_most && !tls.read_end().has_value();
}

/// Does with the input what can be done: for the reader, or for a close or a shutdown of reading.
void core::digest() {
    if (tls.shakes_hands()) {
        tls.now = loop::current().now();
        static_cast<void>(tls.handshake());
    }
    serve_reader();
    if (discarding_ || closing_) {
        keep_or_drop();
        serve_reader();
    }
    if (!tls.output().empty() || (tls.failure().has_value() && !told_below_)) {
        start_sending();
    }
    advance();
}

void core::keep_or_drop() {
    while (!tls.read_end().has_value()) {
        if (!discarding_ && !dropping_) {
            buffer data;
            if (kept_.bytes() >= kept_most || tls.read(data, 0) != engine::status::done) {
                return;
            }
            kept_.push_back_compact(std::move(data));
        } else {
            std::array<std::byte, 4096> nowhere;
            std::size_t count = 0;
            if (tls.read_into(nowhere, count) != engine::status::done) {
                return;
            }
            cut_ = cut_ || !discarding_;
        }
    }
}

void core::serve_reader() {
    if (reader_ == nullptr) {
        return;
    }
    if (!kept_.empty()) {
        std::exchange(reader_, nullptr)->succeed_from(kept_);
        return;
    }
    if (cut_) {
        std::exchange(reader_, nullptr)->fail(errc::closed);
        return;
    }
    engine::status now{};
    if (reader_->into_memory()) {
        std::size_t count = 0;
        now = tls.read_into(reader_->target(), count);
        if (now == engine::status::done) {
            std::exchange(reader_, nullptr)->succeed_into(count);
        }
    } else {
        buffer data;
        now = tls.read(data, reader_->hint());
        if (now == engine::status::done) {
            std::exchange(reader_, nullptr)->succeed(std::move(data));
        }
    }
    if (now == engine::status::finished) {
        std::exchange(reader_, nullptr)->fail(*tls.read_end());
    }
}

void core::read(read_operation& op) {
    reader_ = &op;
    if (receiving_) {
        serve_reader();
        return;
    }
    serve_reader();
    if (reader_ != nullptr || closing_ || !tls.output().empty() || tls.failure().has_value()) {
        start_receiving();
    }
}

void core::forget_reader() noexcept {
    reader_ = nullptr;
    if (closing_) {
        start_receiving();
    }
}

void core::flush(control_operation& op) {
    control_ = &op;
    control_kind_ = waiting_for::flush;
    ++flushes_asked_;
    if (write_error_.has_value()) {
        advance();
    } else {
        start_sending();
    }
}

void core::shutdown_write(control_operation& op) {
    control_ = &op;
    control_kind_ = waiting_for::shutdown;
    finishing_ = true;
    tls.close_notify();
    if (write_error_.has_value() || told_below_) {
        advance();
    } else {
        start_sending();
    }
}

void core::shutdown_read() {
    discarding_ = true;
    kept_.clear();
    start_receiving();
}

void core::begin_close() {
    closing_ = true;
    start_receiving();
}

void core::close(control_operation& op) {
    control_ = &op;
    control_kind_ = waiting_for::close;
    finishing_ = true;
    closing_ = true;
    tls.close_notify();
    start_receiving(); // may end the operation, if the flow below does so at once
    start_sending();
    if (!aborted_) {
        advance();
    }
}

/// Ends the control operation if what it waits for has come.
void core::advance() {
    if (control_ == nullptr || ending_) {
        return;
    }
    switch (control_kind_) {
    case waiting_for::flush:
        if (write_error_.has_value()) {
            std::exchange(control_, nullptr)->fail(*write_error_);
        } else if (flushes_done_ == flushes_asked_) {
            std::exchange(control_, nullptr)->succeed();
        }
        break;
    case waiting_for::shutdown:
        if (write_error_.has_value()) {
            std::exchange(control_, nullptr)->fail(*write_error_);
        } else if (told_below_) {
            std::exchange(control_, nullptr)->succeed();
        }
        break;
    case waiting_for::close:
        if (write_error_.has_value() || (told_below_ && tls.read_end().has_value())) {
            ending_ = true;
            run_detached(finish_close(shared_from_this()), "TLS close");
        }
        break;
    }
}

/// Both sides have said all, or one cannot any more: closes the flow below.
task<void> core::finish_close(std::shared_ptr<core> self) {
    core& c = *self;
    static_cast<void>(co_await with_timeout(linger, c.below->close()));
    if (c.aborted_ || c.control_ == nullptr) {
        co_return;
    }
    const bool clean = c.tls.read_end().has_value() && *c.tls.read_end() == errc::end;
    if (c.write_error_.has_value()) {
        std::exchange(c.control_, nullptr)->fail(*c.write_error_);
    } else if (!clean) {
        std::exchange(c.control_, nullptr)->fail(*c.tls.read_end());
    } else {
        std::exchange(c.control_, nullptr)->succeed();
    }
}

void core::abort() noexcept {
    aborted_ = true;
    kept_.clear();
    tls.output().clear();
    below->abort();
    if (reader_ != nullptr) {
        std::exchange(reader_, nullptr)->fail(errc::aborted);
    }
    if (writer_ != nullptr) {
        std::exchange(writer_, nullptr)->fail(errc::aborted);
    }
    if (control_ != nullptr) {
        std::exchange(control_, nullptr)->fail(errc::aborted);
    }
}

} // namespace runnel::inline v0::tls
