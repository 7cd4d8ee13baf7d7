// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.hpp"
#include "session.hpp"

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace runnel::inline v0::program {

/// How a command serves.
struct server_options {
    bool once = false;
    std::uint64_t max_connections = 0; ///< 0: any number
    duration drain_timeout = std::chrono::seconds(10);
    std::uint64_t loops = 1;
    bool verbose = false;
    bool stats = false;
    bool json = false;
    /// What to say of a place behind that it listens there, such as its URL; empty: nothing.
    std::function<std::string(const endpoint& bound)> announce = {};
};

/// Most loops of one server; each takes a thread.
inline constexpr std::uint64_t most_loops = 32;

void declare_server_options(option_set& options, server_options& target);

/// One connection while it lasts. The handler keeps it up to date.
struct connection {
    std::uint64_t number = 0;
    /// Who is served, and by what: "tcp://192.0.2.1:50000".
    std::string client = {};
    /// Where it leads on to, if anywhere.
    std::string target = {};
    /// From the client, and to it.
    copy_statistics in = {};
    copy_statistics out = {};
    /// Why it failed; none: it ended well.
    std::optional<error> failure = {};
    /// Whether that is worth telling also without --verbose: not what clients do to themselves.
    bool tell = false;
    /// How each side ended, for --verbose.
    std::string ends = {};
    std::size_t index = 0; // among those of the worker
};

/// Serves connections on one loop.
class connection_handler {
public:
    connection_handler() = default;
    connection_handler(const connection_handler&) = delete;
    connection_handler& operator=(const connection_handler&) = delete;
    virtual ~connection_handler() = default;

    /// Serves one flow to its end. Stopped: ends at once.
    virtual task<void> serve(flow_ptr client, connection& record) = 0;

    /// Runs beside the connections, until they have ended and it is stopped.
    virtual task<void> beside() { co_return; }

    /// No more connections come: those that are open end as soon as it suits them.
    virtual void drain() noexcept {}
};

/// Makes the handler of each loop, on its thread.
using handler_factory = std::function<std::unique_ptr<connection_handler>()>;

/// Listens at an endpoint and serves until a signal: then no more are accepted, and those that run
/// have until the drain timeout or the second signal. Says where it listens on standard error, once
/// it does. Gives the exit status.
[[nodiscard]] int run_server(const session& session, const endpoint& at,
                             const server_options& options, const handler_factory& make_handler);

/// The same at several endpoints, at least one. With `once`, each serves one connection.
[[nodiscard]] int run_server(const session& session, std::span<const endpoint> places,
                             const server_options& options, const handler_factory& make_handler);

} // namespace runnel::inline v0::program
