// SPDX-License-Identifier: Apache-2.0
#include "copier.hpp"

#include "runnel/async/loop.hpp"
#include "write_from.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Whether `why` is what operations say that were stopped for `reason`.
bool is_stop(const error& why, stop_reason reason) {
    return reason != stop_reason::none && to_error(reason).kind() == why.kind();
}

/// Bulk data begins after so many reads in a row of at least this size: 256 KiB and more.
constexpr int bulky_reads = 8;
constexpr std::size_t large_read = std::size_t{32} * 1024;

} // namespace

copier::copier(flow& source, flow& sink, const copy_options& options, duration linger) noexcept
    : source_(source), sink_(sink), options_(options), linger_(linger),
      statistics_(options.live != nullptr ? options.live : &outcome.statistics) {
    *statistics_ = copy_statistics();
}

task<void> copier::run() {
    const auto entered = co_await stop_.enter();
    if (asked_to_stop_ != stop_reason::none) {
        stop_.request_stop(asked_to_stop_);
    }
    statistics_->started = loop::current().now();
    statistics_->ended = statistics_->started;
    co_await read_all();
    alarm<&copier::give_up> limit(*this);
    if (writer_.running() && outcome.source && !(*outcome.source == errc::end)) {
        loop::current().arm(limit, saturating_add(loop::current().now(), linger_));
    }
    co_await writer_.finished();
    finish();
}

bool copier::wants_more() const noexcept {
    return !outcome.sink && !outcome.stopped && statistics_->bytes_read < options_.limit;
}

bool copier::has_room() const noexcept {
    return !writer_.running() ||
           (waiting_->count < most_pieces && waiting_->bytes < options_.read_ahead);
}

std::size_t copier::next_read() const noexcept {
    const std::uint64_t left = options_.limit - statistics_->bytes_read;
    const std::size_t hint = options_.read_hint;
    return left < (hint != 0 ? hint : buffer::max_size) ? static_cast<std::size_t>(left) : hint;
}

task<void> copier::read_all() {
    const auto entered = co_await reading_.enter();
    while (wants_more()) {
        if (is_bulky()) {
            co_await move_in_bulk();
            continue;
        }
        if (!has_room()) {
            const result<void> waited = co_await room_.wait();
            if (!waited) {
                if (wants_more()) {
                    outcome.stopped = waited.error();
                }
                co_return;
            }
            continue;
        }
        result<buffer> data = co_await source_.read(next_read());
        if (data) {
            take(std::move(*data));
        } else if (!is_stop(data.error(), reading_.reason())) {
            outcome.source = std::move(data.error());
            co_return;
        } else if (wants_more()) {
            outcome.stopped = std::move(data.error());
        }
    }
}

void copier::take(buffer data) {
    ++statistics_->reads;
    statistics_->bytes_read += data.size();
    large_reads_ = data.size() >= large_read ? large_reads_ + 1 : 0;
    note_activity();
    queue(std::move(data));
    start_writer();
}

void copier::queue(buffer data) noexcept {
    waiting_->bytes += data.size();
    waiting_->items[waiting_->count++] = std::move(data);
}

/// Has what waits written.
void copier::start_writer() {
    if (!writer_.running()) {
        writer_.start(write_all(), "copy", stop_.source());
    }
}

bool copier::is_bulky() const noexcept {
    return large_reads_ >= bulky_reads && bulk_possible_;
}

task<void> copier::move_in_bulk() {
    large_reads_ = 0;
    kernel_stream* from = source_.kernel();
    kernel_stream* to = sink_.kernel();
    const std::unique_ptr<bulk_transfer> transfer =
        from != nullptr && to != nullptr ? from->transfer_to(*to) : nullptr;
    bulk_possible_ = transfer != nullptr;
    if (!bulk_possible_) {
        co_return;
    }
    co_await writer_.finished();
    if (!wants_more()) {
        co_return;
    }
    buffer_list rest = co_await transfer->run(options_.limit - statistics_->bytes_read, *this);
    for (buffer& piece : rest) {
        queue(std::move(piece));
    }
    if (!rest.empty()) {
        start_writer();
    }
}

void copier::moved(std::size_t read, std::size_t written) noexcept {
    statistics_->bytes_read += read;
    statistics_->reads += read != 0 ? 1 : 0;
    statistics_->bytes_written += written;
    statistics_->writes += written != 0 ? 1 : 0;
    note_activity();
}

task<void> copier::write_all() {
    while (waiting_->count != 0) {
        std::swap(writing_, waiting_);
        room_.set();
        const write_result written = co_await write_from(sink_, writing_->all());
        statistics_->bytes_written += written.accepted();
        if (written.accepted() != 0) {
            ++statistics_->writes;
            note_activity();
        }
        if (!written) {
            auto& why = is_stop(written.error(), stop_.reason()) ? outcome.stopped : outcome.sink;
            why = written.error();
            reading_.request_stop(stop_reason::cancelled);
            co_return;
        }
        writing_->count = 0;
        writing_->bytes = 0;
    }
    room_.set();
}

void copier::note_activity() noexcept {
    const time_point now = loop::current().now();
    if (!statistics_->first_byte) {
        statistics_->first_byte = now;
    }
    statistics_->last_byte = now;
    statistics_->ended = now;
}

std::size_t copier::partly_written() const noexcept {
    std::size_t left = 0;
    for (std::size_t i = 0; i < writing_->count; ++i) {
        left += writing_->items[i].size();
    }
    return writing_->bytes - left;
}

void copier::finish() noexcept {
    statistics_->ended = loop::current().now();
    for (pieces* each : {writing_, waiting_}) {
        for (buffer& piece : each->all()) {
            outcome.rest.push_back(std::move(piece));
        }
        *each = pieces();
    }
    if (statistics_ != &outcome.statistics) {
        outcome.statistics = *statistics_;
    }
}

} // namespace runnel::inline v0
