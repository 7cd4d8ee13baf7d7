// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/transport.hpp"

#include <vector>

namespace runnel::inline v0::host {

/// Adds the transports to virtual machines: `vsock`, `hvsock`, `firecracker`, `cloud-hypervisor`
/// and `hyperkit`.
void register_machine_transports(transport_registry& registry);

/// The parameters of every Unix socket, and of those in the file system.
[[nodiscard]] std::vector<parameter_info> unix_parameters(bool has_file);

} // namespace runnel::inline v0::host
