// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/flow/transport.hpp"

namespace runnel::inline v0::program {

/// All transports of the program, for `info`.
[[nodiscard]] const transport_registry& known_transports();

/// Opens a flow to an endpoint.
[[nodiscard]] task<result<flow_ptr>> open_flow(const endpoint& to);

/// Listens at an endpoint. `share`: several listeners take their part of the connections.
[[nodiscard]] task<result<listener_ptr>> open_listener(const endpoint& at, bool share);

} // namespace runnel::inline v0::program
