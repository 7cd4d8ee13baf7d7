// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/host/unix.hpp"
#include "socket_address.hpp"

namespace runnel::inline v0::host {

/// As the kernel takes it.
[[nodiscard]] socket_address to_socket_address(const unix_address& place) noexcept;

/// As the kernel gave it; a socket without a name gives `unix:`.
[[nodiscard]] flow_address to_flow_address(const socket_address& place);

} // namespace runnel::inline v0::host
