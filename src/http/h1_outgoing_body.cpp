// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/h1_outgoing_body.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/http/chunked.hpp"

#include <optional>
#include <utility>

namespace runnel::inline v0::http {
namespace {

/// What the peer has the timeout to take. Larger pieces are cut.
constexpr std::size_t piece_size = std::size_t{256} << 10U;

std::optional<std::uint64_t> promised(const body_framing& framing) noexcept {
    switch (framing.kind) {
    case body_kind::length:
        return framing.length;
    case body_kind::none:
        return 0;
    default:
        return std::nullopt;
    }
}

} // namespace

h1_outgoing_body::h1_outgoing_body(buffered_flow& target, const body_framing& framing, bool muted,
                                   duration timeout) noexcept
    : outgoing_body(promised(framing), muted), target_(&target),
      chunked_(framing.kind == body_kind::chunked), timeout_(timeout) {}

task<result<void>> h1_outgoing_body::put_text(std::string_view text) {
    co_return co_await with_timeout(timeout_, target_->write(text));
}

task<result<void>> h1_outgoing_body::put(buffer data) {
    while (data.size() > piece_size) {
        result<void> written = co_await put_piece(data.take_front(piece_size));
        if (!written) {
            co_return written;
        }
    }
    co_return co_await put_piece(std::move(data));
}

task<result<void>> h1_outgoing_body::put_piece(buffer data) {
    if (!chunked_) {
        co_return co_await with_timeout(timeout_, target_->write(std::move(data)));
    }
    const chunk_line line(data.size());
    static_cast<void>(target_->write(line.text())); // waits below, with the rest
    static_cast<void>(target_->write(std::move(data)));
    co_return co_await put_text("\r\n");
}

task<result<void>> h1_outgoing_body::flush() {
    co_return co_await with_timeout(timeout_, target_->flush());
}

task<result<void>> h1_outgoing_body::put_end(const field_block& trailers) {
    if (!chunked_) {
        co_return result<void>();
    }
    static_cast<void>(target_->write("0\r\n"));
    static_cast<void>(target_->write(trailers.text()));
    co_return co_await put_text("\r\n");
}

} // namespace runnel::inline v0::http
