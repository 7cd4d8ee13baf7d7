// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/pipe.hpp"
#include "runnel/flow/transport.hpp"

namespace runnel::inline v0 {

/// Adds `pipe:` to a registry: a place inside the program. Who connects gets one end of a new
/// pipe, and the listener there the other; `refused` when nobody listens, `address_in_use` for a
/// second listener. The parameter `capacity=64KiB` of whoever connects sizes the pipe. The listener
/// and all who connect share one loop, also one of virtual time.
void register_pipe_transport(transport_registry& registry);

} // namespace runnel::inline v0
