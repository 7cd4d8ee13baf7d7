// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

/// Counters of `serve`.
struct serve_statistics {
    std::uint64_t served = 0; ///< handlers begun
    std::uint64_t active = 0; ///< handlers that run
    std::uint64_t failed = 0; ///< handlers that gave an error
};

/// How to serve.
struct serve_options {
    /// How long handlers may go on once the listener is closed; then they are stopped.
    duration drain = std::chrono::seconds(30);
    /// Where to keep the statistics while it runs; lives until then. Null: nowhere.
    serve_statistics* live = nullptr;
};
static_assert(std::is_trivially_destructible_v<serve_options>);

/// What a handler gives: nothing, or a result whose error concerns its own flow only.
template <class F>
concept flow_handler = std::same_as<std::invoke_result_t<F&, flow_ptr>, task<void>> ||
                       std::same_as<std::invoke_result_t<F&, flow_ptr>, task<result<void>>>;

/// What the handlers of one `serve` share.
class serving {
public:
    explicit serving(serve_statistics* live) noexcept : statistics_(live ? live : &own_) {}
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    /// Runs a handler on one flow, after `begin()`.
    template <flow_handler F>
    task<void> handle(F& handler, flow_ptr arrived) {
        if constexpr (std::same_as<std::invoke_result_t<F&, flow_ptr>, task<void>>) {
            co_await handler(std::move(arrived));
        } else if (const result<void> outcome = co_await handler(std::move(arrived)); !outcome) {
            ++statistics_->failed;
        }
        if (--statistics_->active == 0) {
            idle_.set();
        }
    }
    void begin() noexcept {
        ++statistics_->served;
        ++statistics_->active;
        idle_.reset();
    }

    /// Waits until no handler runs, at most for `span`. Whether that came true.
    task<bool> wait_until_idle(duration span) {
        if (statistics_->active == 0) {
            co_return true;
        }
        const result<void> waited = co_await with_timeout(span, idle_.wait());
        co_return waited.has_value();
    }

private:
    serve_statistics own_;
    serve_statistics* statistics_;
    event idle_;
};

/// Accepts flows and runs `handler(flow_ptr)` on each, side by side, until the listener is closed.
/// Then it waits for the handlers that run, for `drain` at most, and stops the rest: so a program
/// ends gracefully by `listener::close()`, and at once by stopping the task.
///
/// Gives success after a close; the error of a broken listener, or of the stop, after all handlers
/// were stopped and have ended. A handler's error concerns nobody else. The handler is kept until
/// the end, so it may be a lambda with captures, which `serve` takes by a name of its own.
template <flow_handler F>
task<result<void>> serve(listener& from, F handler, serve_options options = {}) {
    serving shared(options.live);
    auto body = [&](scope& handlers) -> task<result<void>> {
        for (;;) {
            result<flow_ptr> arrived = co_await from.accept();
            if (!arrived) {
                if (arrived.error() == errc::closed) {
                    break;
                }
                co_return fail(arrived.error());
            }
            shared.begin();
            handlers.spawn(shared.handle(handler, std::move(*arrived)), "handler");
        }
        if (!co_await shared.wait_until_idle(options.drain)) {
            handlers.request_stop();
        }
        co_return result<void>();
    };
    co_return co_await with_scope(std::move(body));
}

} // namespace runnel::inline v0
