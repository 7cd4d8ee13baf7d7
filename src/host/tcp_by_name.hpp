// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/resolver.hpp"

namespace runnel::inline v0::host {

/// Connects to a `tcp` endpoint: an address, or a name whose addresses are raced (RFC 8305). No
/// host means this machine.
[[nodiscard]] task<result<flow_ptr>> connect_tcp(const endpoint& to, resolver& names);

/// The address and port that a `tcp` endpoint listens at. No host means any address.
[[nodiscard]] task<result<ip_endpoint>> resolve_to_listen(const endpoint& at, resolver& names);

} // namespace runnel::inline v0::host
