// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command.hpp"
#include "server.hpp"

#include "runnel/async/time.hpp"
#include "runnel/flow/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

/// What the commands below `bench` share.
namespace runnel::inline v0::program {

struct bench_options {
    std::optional<endpoint> server = {};
    std::optional<endpoint> connect = {};
    std::uint64_t connections = 1;
    std::uint64_t size = 0;
    duration span = std::chrono::seconds(5);
    bool json = false;
};

/// --server and --connect, with what each needs.
void declare_bench_sides(option_set& options, bench_options& target);

/// The fixed place where both sides meet when neither was given.
[[nodiscard]] endpoint loopback_endpoint();

/// A measurement from the client's side: gets where the server is, gives the exit status.
using bench_client = std::function<task<int>(const endpoint& server)>;

/// Runs the side that was asked for; without one both, with the server on a thread of its own.
[[nodiscard]] int run_bench(const session& session, const bench_options& options,
                            const handler_factory& make_handler, const bench_client& measure);

std::unique_ptr<command> make_bench_echo_command();
std::unique_ptr<command> make_bench_flow_command();
std::unique_ptr<command> make_bench_http_command();
std::unique_ptr<command> make_bench_relay_command();

} // namespace runnel::inline v0::program
