// SPDX-License-Identifier: Apache-2.0
#include "observed_layer.hpp"

#include "runnel/async/this_task.hpp"
#include "runnel/core/buffer_list.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// Pieces of a write that are passed on at a time, as many as a `buffer_list` holds by itself.
constexpr std::size_t pieces_at_once = 4;

} // namespace

task<result<buffer>> observed_layer::read(std::size_t hint) {
    if (!by_->is_ready()) {
        const result<void> ready = co_await by_->ready();
        if (!ready) {
            co_return fail(ready.error());
        }
    }
    result<buffer> data = co_await below().read(hint);
    if (data) {
        by_->passed(direction::read, data->share());
    } else {
        co_await note_end(direction::read, data.error());
    }
    co_return data;
}

task<result<void>> observed_layer::write(write_operation& op) {
    while (op.remaining() != 0) {
        if (!by_->is_ready()) {
            result<void> ready = co_await by_->ready();
            if (!ready) {
                co_return ready;
            }
        }
        buffer_list shares;
        for (const buffer& piece : op.rest().first(std::min(op.rest().size(), pieces_at_once))) {
            shares.push_back(piece.share());
        }
        const std::size_t before = op.remaining();
        const result<void> written = co_await write_front(op, shares.bytes());
        std::size_t accepted = before - op.remaining();
        for (buffer& share : shares) {
            share.truncate(std::min(accepted, share.size()));
            accepted -= share.size();
            if (!share.empty()) {
                by_->passed(direction::write, std::move(share));
            }
        }
        if (!written) {
            co_await note_end(direction::write, written.error());
            co_return written;
        }
    }
    co_return result<void>();
}

task<void> observed_layer::note_end(direction which, const error& how) {
    const bool stopped = co_await this_task::stop_requested();
    if (!stopped) {
        by_->ended(which, how);
    }
}

task<result<void>> observed_layer::shutdown_write() {
    shut_ = true;
    by_->shut_down();
    return passing_layer::shutdown_write();
}

task<result<void>> observed_layer::close() {
    if (!shut_) {
        by_->shut_down();
    }
    const result<void> closed = co_await passing_layer::close();
    const result<void> finished = co_await by_->finish();
    co_return closed ? finished : closed;
}

void observed_layer::abort() noexcept {
    by_->abort();
    passing_layer::abort();
}

} // namespace runnel::inline v0
