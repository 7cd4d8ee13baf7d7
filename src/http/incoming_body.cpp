// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/incoming_body.hpp"

#include "runnel/core/buffer_list.hpp"
#include "runnel/http/fault.hpp"

#include <utility>

namespace runnel::inline v0::http {

void incoming_body::restart(bool empty) noexcept {
    received_ = 0;
    end_.reset();
    if (empty) {
        end_.emplace(errc::end);
    }
}

error incoming_body::note(error what) noexcept {
    const bool stopped = what == errc::cancelled || what == errc::busy;
    if (!stopped) {
        end_ = what;
    }
    return what;
}

void incoming_body::count(std::size_t size, bool last) noexcept {
    received_ += size;
    if (last) {
        end_.emplace(errc::end);
    }
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
