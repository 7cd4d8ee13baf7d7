// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/host/unique_fd.hpp"
#include "runnel/host/vsock.hpp"

#include <optional>

#include <sys/socket.h>

#include <linux/vm_sockets.h>

namespace runnel::inline v0::host {

[[nodiscard]] sockaddr_vm to_socket_address(const vsock_address& place) noexcept;

/// What a vsock socket is bound or connected to; nothing where it is not.
[[nodiscard]] std::optional<vsock_address> vsock_of_socket(int fd) noexcept;
[[nodiscard]] std::optional<vsock_address> vsock_of_peer(int fd) noexcept;

/// A new non-blocking vsock socket of a type, with its options.
[[nodiscard]] result<unique_fd> open_vsock(int type, const vsock_options& options);

/// Binds and listens. Errors: of `listen`, without the endpoint in front.
[[nodiscard]] result<unique_fd> open_vsock_listener(int type, const vsock_address& at,
                                                    const vsock_options& options);

/// What a failure to connect to `to` means.
[[nodiscard]] error vsock_connect_error(int number, const vsock_address& to);

} // namespace runnel::inline v0::host
