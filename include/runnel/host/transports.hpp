// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/transport.hpp"
#include "runnel/host/tcp_options.hpp"
#include "runnel/host/unix.hpp"
#include "runnel/host/vsock.hpp"

namespace runnel::inline v0 {
class resolver;
}

namespace runnel::inline v0::host {

/// Adds the transports of the kernel to a registry: `tcp`, `unix`, `unix-abstract`, `vsock`,
/// `hvsock`, `firecracker`, `cloud-hypervisor`, `hyperkit`, `stdio`, `exec`, `file` and `fd`. Names
/// of hosts are looked up by `names`, which must outlive the registry.
void register_transports(transport_registry& registry, resolver& names);

/// The parameters of a `tcp` endpoint as options. Errors say which one is wrong, where, and what
/// was expected. Texts in the options point into the endpoint.
[[nodiscard]] result<tcp_options> tcp_options_of(const endpoint& place);

/// The same for `unix` and `unix-abstract`.
[[nodiscard]] result<unix_options> unix_options_of(const endpoint& place);

/// The same for `vsock` and `hvsock`.
[[nodiscard]] result<vsock_options> vsock_options_of(const endpoint& place);

} // namespace runnel::inline v0::host
