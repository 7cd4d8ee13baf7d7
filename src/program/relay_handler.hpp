// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy_front.hpp"
#include "server.hpp"

#include "runnel/async/time.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"

#include <chrono>

namespace runnel::inline v0::program {

/// How two endpoints are joined.
struct relay_options {
    duration connect_timeout = std::chrono::seconds(10);
    duration idle_timeout{0}; ///< 0: none
    /// Whether each client comes with a PROXY header in front, which then is required.
    bool proxy_in = false;
    duration proxy_in_timeout = std::chrono::seconds(5);
    proxy_version proxy_out = proxy_version::none;
};

/// Joins two open flows until both have ended, and notes in `record` how that went: `a` is the
/// client's side.
[[nodiscard]] task<void> join(flow& a, flow& b, const relay_options& options, connection& record);

/// Joins each client to a connection of its own to `target`, which is copied; `options` must
/// outlive the handler.
[[nodiscard]] std::unique_ptr<connection_handler> make_relay_handler(const endpoint& target,
                                                                     const relay_options& options);

} // namespace runnel::inline v0::program
