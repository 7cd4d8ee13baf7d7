// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/transport.hpp"
#include "runnel/tls/config.hpp"

namespace runnel::inline v0::tls {

/// Adds the layer `tls`, for endpoints like `tls+tcp://example.org:443`, to a registry and to the
/// grammar of endpoints.
///
/// Configurations are made once for each endpoint and shared by all loops, so that sessions are
/// resumed. A listener looks every second whether its files changed, and takes new certificates
/// without dropping a connection; files that cannot be used change nothing.
void register_layer(transport_registry& registry);

/// The parameters of an endpoint as options. Errors say which one is wrong, and why.
[[nodiscard]] result<client_options> client_options_of(const endpoint& place);
[[nodiscard]] result<server_options> server_options_of(const endpoint& place);

} // namespace runnel::inline v0::tls
