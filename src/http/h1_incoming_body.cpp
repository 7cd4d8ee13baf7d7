// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/h1_incoming_body.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/http/fault.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::http {

void h1_incoming_body::begin(const body_framing& framing, bool expected) noexcept {
    framing_ = framing;
    expected_ = expected;
    waited_ = {};
    decoder_.reset();
    settled_.reset();
    restart(framing.kind == body_kind::none || framing.kind == body_kind::tunnel ||
            (framing.kind == body_kind::length && framing.length == 0));
    if (ended()) {
        settled_.set();
    }
}

std::optional<std::uint64_t> h1_incoming_body::length() const noexcept {
    switch (framing_.kind) {
    case body_kind::length:
        return framing_.length;
    case body_kind::none:
    case body_kind::tunnel:
        return 0;
    default:
        return complete() ? std::optional(received()) : std::nullopt;
    }
}

task<result<buffer>> h1_incoming_body::read() {
    result<buffer> data = co_await read_data();
    if (ended()) {
        settled_.set();
    }
    co_return data;
}

task<result<buffer>> h1_incoming_body::read_data() {
    if (ended()) {
        co_return fail(*ended());
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
    const std::uint64_t size = received() + piece->size();
    count(piece->size(), framing_.kind == body_kind::length && size == framing_.length);
    if (size > options_.limit) {
        co_return runnel::fail(note(error(make_error_code(fault::long_body))));
    }
    co_return piece;
}

duration h1_incoming_body::patience() const noexcept {
    if (options_.rate == 0) {
        return options_.timeout;
    }
    const double earned =
        static_cast<double>(received()) * 1e9 / static_cast<double>(options_.rate);
    const double behind = static_cast<double>(waited_.count()) - earned;
    return behind > 0 ? options_.timeout - duration(static_cast<duration::rep>(behind))
                      : options_.timeout;
}

task<result<buffer>> h1_incoming_body::read_piece() {
    for (;;) {
        std::size_t hint = 0;
        if (framing_.kind == body_kind::length) {
            hint = static_cast<std::size_t>(
                std::min<std::uint64_t>(framing_.length - received(), buffer::max_size));
        }
        const time_point began = loop::current().now();
        result<buffer> piece = co_await with_timeout(patience(), source_->read(hint));
        waited_ += loop::current().now() - began;
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

result<std::optional<buffer>> h1_incoming_body::unframe(buffer piece) {
    if (framing_.kind == body_kind::chunked) {
        return unchunk(std::move(piece));
    }
    return std::optional<buffer>(std::move(piece));
}

result<std::optional<buffer>> h1_incoming_body::unchunk(buffer piece) {
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

} // namespace runnel::inline v0::http
