// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/incoming_body.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/http/fault.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0::http {

void incoming_body::begin(const body_framing& framing, bool expected) noexcept {
    framing_ = framing;
    expected_ = expected;
    received_ = 0;
    end_.reset();
    decoder_.reset();
    if (framing.kind == body_kind::none || framing.kind == body_kind::tunnel ||
        (framing.kind == body_kind::length && framing.length == 0)) {
        end_.emplace(errc::end);
    }
}

std::optional<std::uint64_t> incoming_body::length() const noexcept {
    switch (framing_.kind) {
    case body_kind::length:
        return framing_.length;
    case body_kind::none:
    case body_kind::tunnel:
        return 0;
    default:
        return complete() ? std::optional(received_) : std::nullopt;
    }
}

/// What a reader gets: an error that ends the body is kept.
error incoming_body::note(error what) noexcept {
    const bool stopped = what == errc::cancelled || what == errc::busy;
    if (!stopped) {
        end_ = what;
    }
    return what;
}

task<result<buffer>> incoming_body::read() {
    if (end_) {
        co_return fail(*end_);
    }
    if (framing_.kind == body_kind::length && framing_.length > options_.limit) {
        co_return runnel::fail(note(error(make_error_code(fault::long_body))));
    }
    if (expected_) {
        expected_ = false;
        static_cast<void>(source_->write("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    // The peer may wait for what was written before it goes on.
    if (source_->buffered() == 0 && source_->unflushed() != 0) {
        const result<void> told = co_await with_timeout(options_.timeout, source_->flush());
        if (!told) {
            co_return fail(note(told.error()));
        }
    }
    result<buffer> piece = co_await read_piece();
    if (!piece) {
        co_return fail(note(std::move(piece.error())));
    }
    received_ += piece->size();
    if (received_ > options_.limit) {
        co_return runnel::fail(note(error(make_error_code(fault::long_body))));
    }
    if (framing_.kind == body_kind::length && received_ == framing_.length) {
        end_.emplace(errc::end);
    }
    co_return piece;
}

task<result<buffer>> incoming_body::read_piece() {
    for (;;) {
        std::size_t hint = 0;
        if (framing_.kind == body_kind::length) {
            hint = static_cast<std::size_t>(
                std::min<std::uint64_t>(framing_.length - received_, buffer::max_size));
        }
        result<buffer> piece = co_await with_timeout(options_.timeout, source_->read(hint));
        if (!piece) {
            const bool cut = piece.error() == errc::end && framing_.kind != body_kind::until_end;
            co_return fail(cut ? error(errc::truncated) : std::move(piece.error()));
        }
        result<std::optional<buffer>> data = unframe(*std::move(piece));
        if (!data) {
            co_return fail(std::move(data.error()));
        }
        if (*data) {
            co_return **std::move(data);
        }
    }
}

result<std::optional<buffer>> incoming_body::unframe(buffer piece) {
    if (framing_.kind == body_kind::chunked) {
        return unchunk(std::move(piece));
    }
    return std::optional<buffer>(std::move(piece));
}

result<std::optional<buffer>> incoming_body::unchunk(buffer piece) {
    result<chunked_decoder::step> step = decoder_.decode(piece.span());
    if (!step) {
        return runnel::fail(std::move(step.error()));
    }
    piece.remove_prefix(step->framing);
    buffer data = step->data != 0 ? piece.take_front(step->data) : buffer();
    if (!piece.empty()) {
        source_->unread(std::move(piece));
    }
    if (step->done) {
        return runnel::fail(errc::end);
    }
    return data.empty() ? std::optional<buffer>() : std::optional<buffer>(std::move(data));
}

task<result<buffer>> incoming_body::read_all(std::size_t most) {
    buffer_queue pieces;
    for (;;) {
        result<buffer> piece = co_await read();
        if (!piece) {
            if (piece.error() == errc::end) {
                break;
            }
            co_return piece;
        }
        if (piece->size() > most - pieces.bytes()) {
            co_return fail(fault::long_body);
        }
        pieces.push_back_compact(*std::move(piece));
    }
    if (pieces.empty()) {
        co_return buffer();
    }
    if (pieces.size() == 1) {
        co_return pieces.pop_front();
    }
    buffer whole = buffer::allocate(pieces.bytes());
    pieces.copy_out(whole.writable());
    co_return whole;
}

task<result<void>> incoming_body::discard(std::uint64_t most) {
    for (std::uint64_t dropped = 0; !end_;) {
        const result<buffer> piece = co_await read();
        if (!piece) {
            break;
        }
        dropped += piece->size();
        if (dropped > most) {
            co_return fail(fault::long_body);
        }
    }
    if (complete()) {
        co_return result<void>();
    }
    co_return runnel::fail(end_ ? *end_ : error(errc::cancelled));
}

} // namespace runnel::inline v0::http
