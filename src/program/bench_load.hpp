// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"
#include "session.hpp"

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

/// Requests on many connections, and how long their answers take.
namespace runnel::inline v0::program {

/// One connection that asks and is answered.
class load_connection {
public:
    load_connection() = default;
    load_connection(const load_connection&) = delete;
    load_connection& operator=(const load_connection&) = delete;
    virtual ~load_connection() = default;

    /// Sends a request and waits for all of the answer. Gives how many bytes that was.
    virtual task<result<std::uint64_t>> ask() = 0;
};

/// What is asked.
struct load_kind {
    std::string name;  ///< in JSON
    std::string title; ///< what stands before "over tcp://…"
    /// Connects to a server.
    std::function<task<result<std::unique_ptr<load_connection>>>(const endpoint& server)> open;
    std::string_view direction; ///< behind the data rate
};

/// The options of every load.
struct load_options {
    bench_options bench = {};
    std::uint64_t rate = 0; ///< requests a second; 0: as many as go
};

void declare_load_options(option_set& options, load_options& target);

/// Asks for as long as the options say, and prints what that took; gives the exit status. What is
/// given lives until it is done.
[[nodiscard]] task<int> run_load(const session& session, const load_options& options,
                                 const load_kind& kind, const endpoint& server);

} // namespace runnel::inline v0::program
