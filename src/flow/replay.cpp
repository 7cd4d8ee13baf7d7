// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Something that reading gives, once so much has been written.
class replayed_read {
public:
    replayed_read(recorded_event what, std::uint64_t after) noexcept
        : event(std::move(what)), written_before(after) {}
    recorded_event event;
    std::uint64_t written_before;
};

class replay_layer final : public layer {
public:
    replay_layer(std::vector<recorded_event> recording, const replay_options& options)
        : options_(options), start_(loop::current().now()) {
        for (recorded_event& event : recording) {
            switch (event.what) {
            case recorded::read:
            case recorded::read_end:
                reads_.emplace_back(std::move(event), expected_bytes_);
                break;
            case recorded::written:
                expected_bytes_ += event.data.size();
                expected_.push_back(std::move(event.data));
                break;
            case recorded::write_end:
                write_end_ = event.how;
                break;
            case recorded::shutdown:
                break;
            }
        }
    }

    task<result<buffer>> read(std::size_t /*hint*/) override {
        if (next_ == reads_.size()) {
            // The recording was cut off here; what the peer did then is not known.
            co_return fail(errc::truncated, "the recording ends here");
        }
        replayed_read& next = reads_[next_];
        while (options_.wait_for_writes && !shut_ && written_ < next.written_before) {
            progress_.reset();
            const result<void> waited = co_await progress_.wait();
            if (!waited) {
                co_return fail(waited.error());
            }
        }
        if (options_.pace == replay_pace::recorded) {
            const result<void> slept = co_await sleep_until(saturating_add(start_, next.event.at));
            if (!slept) {
                co_return fail(slept.error());
            }
        }
        ++next_;
        if (next.event.what == recorded::read_end) {
            co_return fail(next.event.how);
        }
        co_return std::move(next.event.data);
    }

    task<result<void>> write(write_operation& op) override {
        while (op.remaining() != 0) {
            std::size_t count = op.remaining();
            if (options_.verify) {
                const result<std::size_t> same = verify(op);
                if (!same) {
                    co_return fail(same.error());
                }
                count = *same;
            }
            op.accept(count);
            written_ += count;
            progress_.set();
        }
        co_return result<void>();
    }

    task<result<void>> flush() override { co_return result<void>(); }

    task<result<void>> shutdown_write() override {
        shut_ = true;
        progress_.set();
        if (options_.verify && written_ < expected_bytes_) {
            co_return fail(errc::protocol_error,
                           fmt::format("replay: the writes end after {} bytes, in the recording "
                                       "after {}",
                                       written_, expected_bytes_));
        }
        co_return result<void>();
    }

    void shutdown_read() noexcept override {}

    task<result<void>> close() override {
        if (shut_) {
            co_return result<void>();
        }
        co_return co_await shutdown_write();
    }

    void abort() noexcept override {}
    [[nodiscard]] flow_address local() const override { return flow_address("replay"); }
    [[nodiscard]] flow_address remote() const override { return flow_address("replay"); }

private:
    /// Compares the first bytes of a write with the recording; how many are equal.
    result<std::size_t> verify(write_operation& op) {
        if (expected_.empty()) {
            return write_end_ ? fail(*write_end_)
                              : fail(errc::protocol_error,
                                     fmt::format("replay: byte {} of the writes is not in the "
                                                 "recording",
                                                 written_));
        }
        const buffer* piece = op.rest().data();
        while (piece->empty()) {
            ++piece;
        }
        const std::span<const std::byte> there = expected_.front().span();
        const auto differs =
            std::mismatch(piece->span().begin(), piece->span().end(), there.begin(), there.end());
        const auto same = static_cast<std::size_t>(differs.second - there.begin());
        if (same == 0) {
            return fail(errc::protocol_error,
                        fmt::format("replay: byte {} of the writes is 0x{:02x}, in the recording "
                                    "0x{:02x}",
                                    written_, piece->data()[0], there[0]));
        }
        expected_.consume(same);
        return same;
    }

    replay_options options_;
    time_point start_;
    std::vector<replayed_read> reads_;
    std::size_t next_ = 0;
    buffer_queue expected_;
    std::uint64_t expected_bytes_ = 0;
    std::uint64_t written_ = 0;
    std::optional<errc> write_end_;
    bool shut_ = false;
    event progress_;
};

} // namespace

flow_ptr make_replay(std::vector<recorded_event> recording, replay_options options) {
    return make_layered(std::make_unique<replay_layer>(std::move(recording), options));
}

} // namespace runnel::inline v0
