// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/outgoing_body.hpp"

#include <utility>

namespace runnel::inline v0::http {

task<result<void>> outgoing_body::write(std::string_view text) {
    co_return co_await write(buffer::copy_of(text));
}

task<result<void>> outgoing_body::write(buffer data) {
    if (data.empty()) {
        co_return result<void>();
    }
    if (finished_ || (length_ && data.size() > *length_ - sent_)) {
        co_return fail(errc::invalid_argument, "a body longer than its head says");
    }
    sent_ += data.size();
    if (muted_) {
        co_return result<void>();
    }
    co_return co_await put(std::move(data));
}

task<result<void>> outgoing_body::finish(const field_block& trailers) {
    if (finished_) {
        co_return result<void>();
    }
    if (trailers.failure()) {
        co_return fail(*trailers.failure());
    }
    if (length_ && sent_ != *length_ && !muted_) {
        co_return fail(errc::invalid_argument, "a body shorter than its head says");
    }
    finished_ = true;
    if (muted_) {
        co_return result<void>();
    }
    co_return co_await put_end(trailers);
}

} // namespace runnel::inline v0::http
