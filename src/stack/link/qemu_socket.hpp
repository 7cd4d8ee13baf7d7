// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/stack/link/frame.hpp"
#include "runnel/stack/link/qemu_link.hpp"

#include <string>
#include <sys/un.h>

namespace runnel::inline v0::stack {

/// The place of a Unix socket. Errors: `invalid_argument` (empty or too long).
[[nodiscard]] result<sockaddr_un> socket_place(const std::string& path);

/// A new non-blocking Unix socket of this type. Errors: those of the system.
[[nodiscard]] result<int> make_socket(int type);

/// Binds a socket, in place of one at which nobody is any more; then listens if it is for streams.
/// False with errno.
[[nodiscard]] bool bind_socket(int fd, int type, const sockaddr_un& place) noexcept;

[[nodiscard]] bool connect_socket(int fd, const sockaddr_un& place) noexcept;

/// All bytes of a frame in its own memory.
[[nodiscard]] frame_ptr frame_of(std::span<const std::byte> bytes, time_point now);

[[nodiscard]] result<std::unique_ptr<link>> open_qemu_stream(loop& on,
                                                             const qemu_link_options& options);
[[nodiscard]] result<std::unique_ptr<link>> open_qemu_datagrams(loop& on,
                                                                const qemu_link_options& options);

} // namespace runnel::inline v0::stack
