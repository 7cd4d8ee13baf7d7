// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/timeout.hpp"

#include "alarm.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/this_task.hpp"
#include "runnel/flow/layer.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// How much of a long write has to be accepted within one write timeout.
constexpr std::size_t write_step = std::size_t{64} * 1024;

duration or_never(duration span) {
    return span > duration::zero() ? span : duration::max();
}

class timeout_layer final : public passing_layer {
public:
    timeout_layer(flow_ptr below, const timeout_options& options)
        : passing_layer(std::move(below)), idle_(or_never(options.idle)),
          read_(or_never(options.read)), write_(or_never(options.write)),
          active_(loop::current().now()) {
        loop::current().arm(alarm_, saturating_add(active_, idle_));
    }

    task<result<buffer>> read(std::size_t hint) override {
        if (expired_) {
            co_return fail(*expired_);
        }
        result<buffer> data = co_await with_timeout(read_, below().read(hint));
        if (data) {
            active_ = loop::current().now();
        } else if (co_await gave_up(data.error(), "no data came in time")) {
            co_return fail(*expired_);
        }
        co_return data;
    }

    task<result<void>> write(write_operation& op) override {
        result<void> written;
        while (written && op.remaining() != 0) {
            const std::size_t before = op.remaining();
            written =
                co_await limited(write_front(op, write_step), "the peer took no data in time");
            if (op.remaining() != before) {
                active_ = loop::current().now();
            }
        }
        co_return written;
    }

    task<result<void>> flush() override {
        return limited(passing_layer::flush(), "what was written did not leave in time");
    }
    task<result<void>> shutdown_write() override {
        return limited(passing_layer::shutdown_write(), "what was written did not leave in time");
    }
    task<result<void>> close() override {
        const result<void> closed =
            co_await limited(passing_layer::close(), "the peer did not close in time");
        alarm_.cancel();
        co_return closed;
    }

    void abort() noexcept override {
        alarm_.cancel();
        passing_layer::abort();
    }

private:
    /// Runs an operation of the writing side within the write timeout.
    task<result<void>> limited(task<result<void>> work, const char* what) {
        if (expired_) {
            co_return fail(*expired_);
        }
        result<void> outcome = co_await with_timeout(write_, std::move(work));
        if (!outcome && co_await gave_up(outcome.error(), what)) {
            co_return fail(*expired_);
        }
        co_return outcome;
    }

    /// Whether the flow has been given up, or is now because of `why`. A stop from outside is no
    /// reason to.
    task<bool> gave_up(error why, const char* what) {
        const bool stopped = co_await this_task::stop_requested();
        if (!expired_ && !stopped && why == errc::timed_out) {
            expire(what);
        }
        co_return expired_.has_value();
    }

    void expire(const char* what) {
        expired_.emplace(errc::timed_out, what);
        alarm_.cancel();
        below().abort();
    }

    void check_idle() noexcept {
        const time_point deadline = saturating_add(active_, idle_);
        if (deadline > loop::current().now()) {
            loop::current().arm(alarm_, deadline);
        } else {
            expire("nothing moved for too long");
        }
    }

    duration idle_;
    duration read_;
    duration write_;
    time_point active_;
    std::optional<error> expired_;
    alarm<&timeout_layer::check_idle> alarm_{*this};
};

} // namespace

flow_ptr make_timeout(flow_ptr below, timeout_options options) {
    return make_layered(std::make_unique<timeout_layer>(std::move(below), options));
}

} // namespace runnel::inline v0
