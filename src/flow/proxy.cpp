// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/proxy.hpp"

#include "alarm.hpp"
#include "copier.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/this_task.hpp"
#include "runnel/async/when.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace runnel::inline v0 {
namespace {

copy_options options_of(const proxy_options& options, copy_statistics* live) {
    copy_options direction;
    direction.read_hint = options.read_hint;
    direction.read_ahead = options.read_ahead;
    direction.live = live;
    return direction;
}

/// One proxy while it runs.
class joint {
public:
    joint(flow& a, flow& b, const proxy_options& options)
        : a_(a), b_(b), options_(options),
          forward_(a, b, options_of(options, options.live_forward), options.linger),
          backward_(b, a, options_of(options, options.live_backward), options.linger) {}

    task<proxy_result> run();

private:
    task<void> carry(copier& way, copier& other, flow& sink);
    task<void> close_both();
    void end(proxy_end why) noexcept { why_ = why_ == proxy_end::finished ? why : why_; }
    void arm_idle(time_point deadline) noexcept;
    void check_idle() noexcept;
    void give_up() noexcept { stop_.request_stop(stop_reason::cancelled); }

    flow& a_;
    flow& b_;
    proxy_options options_;
    copier forward_;
    copier backward_;
    task_stop stop_;
    proxy_end why_ = proxy_end::finished;
    alarm<&joint::check_idle> idle_{*this};
    alarm<&joint::give_up> linger_{*this};
    // What was seen at the last look at the idle time, and when a long write was seen to move.
    std::uint64_t seen_writes_ = 0;
    std::size_t seen_partly_ = 0;
    time_point moved_{};
};

task<proxy_result> joint::run() {
    {
        const auto entered = co_await stop_.enter();
        if (options_.idle_timeout > duration::zero()) {
            arm_idle(never);
        }
        co_await when_all(carry(forward_, backward_, b_), carry(backward_, forward_, a_));
        idle_.cancel();
        linger_.cancel();
    }
    if (why_ == proxy_end::finished) {
        co_await close_both();
    }
    a_.abort();
    b_.abort();
    proxy_result result;
    result.why = why_;
    result.forward = std::move(forward_.outcome);
    result.backward = std::move(backward_.outcome);
    co_return result;
}

/// One direction, from the first byte to the end that is passed on.
task<void> joint::carry(copier& way, copier& other, flow& sink) {
    co_await way.run();
    copy_result& outcome = way.outcome;
    if (outcome.complete()) {
        result<void> told = co_await sink.shutdown(direction::write);
        if (told) {
            co_return;
        }
        const bool stopped = co_await this_task::stop_requested();
        (stopped ? outcome.stopped : outcome.sink) = std::move(told.error());
    }
    const bool source_failed = outcome.source && !(*outcome.source == errc::end);
    if (!source_failed && !outcome.sink) {
        end(proxy_end::stopped);
        co_return;
    }
    end(proxy_end::failed);
    if (source_failed) { // and nothing can be written to it any more
        other.request_stop(stop_reason::cancelled);
    } else { // but what it sent before it failed can still be read
        loop::current().arm(linger_, saturating_add(loop::current().now(), options_.linger));
    }
}

void joint::check_idle() noexcept {
    const time_point now = loop::current().now();
    const std::uint64_t writes = forward_.statistics().writes + backward_.statistics().writes;
    const std::size_t partly = forward_.partly_written() + backward_.partly_written();
    if (partly != 0 && (writes != seen_writes_ || partly != seen_partly_)) {
        moved_ = now;
    }
    seen_writes_ = writes;
    seen_partly_ = partly;
    time_point latest = std::max(moved_, forward_.statistics().started);
    for (const copier* each : {&forward_, &backward_}) {
        latest = std::max(latest, each->statistics().last_byte.value_or(latest));
    }
    const time_point deadline = saturating_add(latest, options_.idle_timeout);
    if (deadline > now) {
        arm_idle(deadline);
    } else {
        end(proxy_end::timed_out);
        give_up();
    }
}

/// Writes that do not end for long are looked at several times within the idle timeout.
void joint::arm_idle(time_point deadline) noexcept {
    const duration step = std::max(options_.idle_timeout / 4, duration(1));
    loop& here = loop::current();
    here.arm(idle_, std::min(deadline, saturating_add(here.now(), step)));
}

task<void> joint::close_both() {
    auto closed = co_await when_all(with_timeout(options_.close_timeout, a_.close()),
                                    with_timeout(options_.close_timeout, b_.close()));
    const bool stopped = co_await this_task::stop_requested();
    result<void>& a = std::get<0>(closed);
    result<void>& b = std::get<1>(closed);
    for (result<void>* each : {&a, &b}) {
        if (!*each) {
            copy_result& outcome = each == &b ? forward_.outcome : backward_.outcome;
            end(stopped ? proxy_end::stopped : proxy_end::failed);
            (stopped ? outcome.stopped : outcome.sink) = std::move(each->error());
        }
    }
}

} // namespace

error proxy_result::side_end(const copy_result& from, const copy_result& to) {
    if (from.source && !(*from.source == errc::end)) {
        return *from.source;
    }
    if (to.sink) {
        return *to.sink;
    }
    return from.source && to.complete() && from.complete() ? *from.source : error(errc::aborted);
}

task<proxy_result> proxy(flow& a, flow& b, proxy_options options) {
    joint both(a, b, options);
    co_return co_await both.run();
}

} // namespace runnel::inline v0
