// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/outgoing_body.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/http/chunked.hpp"

#include <utility>

namespace runnel::inline v0::http {
namespace {

/// What the peer has the timeout to take. Larger pieces are cut.
constexpr std::size_t piece_size = std::size_t{256} << 10U;

} // namespace

task<result<void>> outgoing_body::put(std::string_view text) {
    co_return co_await with_timeout(timeout_, target_->write(text));
}

task<result<void>> outgoing_body::write(std::string_view text) {
    co_return co_await write(buffer::copy_of(text));
}

task<result<void>> outgoing_body::write(buffer data) {
    if (data.empty()) {
        co_return result<void>();
    }
    const bool too_much =
        framing_.kind == body_kind::none ||
        (framing_.kind == body_kind::length && data.size() > framing_.length - sent_);
    if (finished_ || too_much) {
        co_return fail(errc::invalid_argument, "a body longer than its head says");
    }
    sent_ += data.size();
    while (data.size() > piece_size && !muted_) {
        result<void> written = co_await frame(data.take_front(piece_size));
        if (!written) {
            co_return written;
        }
    }
    if (muted_) {
        co_return result<void>();
    }
    co_return co_await frame(std::move(data));
}

task<result<void>> outgoing_body::frame(buffer data) {
    if (framing_.kind != body_kind::chunked) {
        co_return co_await with_timeout(timeout_, target_->write(std::move(data)));
    }
    const chunk_line line(data.size());
    static_cast<void>(target_->write(line.text())); // waits below, with the rest
    static_cast<void>(target_->write(std::move(data)));
    co_return co_await put("\r\n");
}

task<result<void>> outgoing_body::flush() {
    co_return co_await with_timeout(timeout_, target_->flush());
}

task<result<void>> outgoing_body::finish(const field_block& trailers) {
    if (finished_) {
        co_return result<void>();
    }
    if (trailers.failure()) {
        co_return fail(*trailers.failure());
    }
    if (framing_.kind == body_kind::length && sent_ != framing_.length) {
        co_return fail(errc::invalid_argument, "a body shorter than its head says");
    }
    finished_ = true;
    if (framing_.kind == body_kind::chunked && !muted_) {
        static_cast<void>(target_->write("0\r\n"));
        static_cast<void>(target_->write(trailers.text()));
        co_return co_await put("\r\n");
    }
    co_return result<void>();
}

} // namespace runnel::inline v0::http
