// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lane.hpp"
#include "server.hpp"

#include "runnel/async/event.hpp"
#include "runnel/async/scope.hpp"

#include <atomic>
#include <optional>

namespace runnel::inline v0::program {

/// A server on a loop and thread of its own, for measurements within one process.
class background_server {
public:
    background_server(const session& session, endpoint at, handler_factory make_handler)
        : session_(session), at_(std::move(at)), make_handler_(std::move(make_handler)) {}

    /// Starts it beside the caller. Gives where it listens, once it does. Whoever started it stops
    /// it before the end of the scope; the scope then waits for it.
    [[nodiscard]] task<result<endpoint>> start(scope& beside);
    /// Ends it and its connections.
    void stop() { lane_.end(ending::abort); }

private:
    task<void> run_thread(loop& home);
    result<void> run_loop(loop& home);
    task<result<void>> serve(loop& home);

    const session& session_;
    endpoint at_;
    handler_factory make_handler_;
    server_options options_;
    std::atomic<std::uint64_t> numbers_{0};
    lane lane_;
    event ready_;
    std::optional<result<endpoint>> place_;
};

} // namespace runnel::inline v0::program
