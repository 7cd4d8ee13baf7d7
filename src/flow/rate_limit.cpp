// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/rate_limit.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/token_bucket.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0 {
namespace {

std::optional<token_bucket> bucket_of(std::uint64_t rate, std::uint64_t burst) {
    if (rate == 0) {
        return std::nullopt;
    }
    return token_bucket(rate, burst != 0 ? burst : std::max<std::uint64_t>(rate / 10, 1));
}

/// Waits until `count` bytes may pass.
task<result<void>> wait_for(token_bucket& bucket, std::size_t count) {
    for (;;) {
        const time_point now = loop::current().now();
        const time_point ready = bucket.ready_at(now, count);
        if (ready <= now) {
            co_return result<void>();
        }
        const result<void> slept = co_await sleep_until(ready);
        if (!slept) {
            co_return slept;
        }
    }
}

class rate_limit_layer final : public passing_layer {
public:
    rate_limit_layer(flow_ptr below, const rate_limit_options& options) noexcept
        : passing_layer(std::move(below)),
          reading_(bucket_of(options.read_rate, options.read_burst)),
          writing_(bucket_of(options.write_rate, options.write_burst)) {}

    task<result<buffer>> read(std::size_t hint) override {
        if (!reading_) {
            co_return co_await below().read(hint);
        }
        if (held_.empty()) {
            const std::uint64_t wanted = hint != 0 ? hint : buffer::max_size;
            result<buffer> data = co_await below().read(
                static_cast<std::size_t>(std::min(wanted, reading_->burst())));
            if (!data) {
                co_return data;
            }
            held_ = std::move(*data);
        }
        const result<void> waited = co_await wait_for(*reading_, held_.size());
        if (!waited) {
            co_return fail(waited.error());
        }
        reading_->take(loop::current().now(), held_.size());
        co_return std::move(held_);
    }

    task<result<void>> write(write_operation& op) override {
        while (writing_ && op.remaining() != 0) {
            const auto piece = static_cast<std::size_t>(
                std::min<std::uint64_t>(op.remaining(), writing_->burst()));
            const result<void> waited = co_await wait_for(*writing_, piece);
            if (!waited) {
                co_return waited;
            }
            const std::size_t before = op.remaining();
            const result<void> written = co_await write_front(op, piece);
            writing_->take(loop::current().now(), before - op.remaining());
            if (!written) {
                co_return written;
            }
        }
        co_return co_await write_front(op, op.remaining());
    }

    void shutdown_read() noexcept override {
        held_.reset();
        passing_layer::shutdown_read();
    }

private:
    std::optional<token_bucket> reading_;
    std::optional<token_bucket> writing_;
    buffer held_; // was read, and waits for its turn
};

} // namespace

flow_ptr make_rate_limit(flow_ptr below, rate_limit_options options) {
    return make_layered(std::make_unique<rate_limit_layer>(std::move(below), options));
}

} // namespace runnel::inline v0
