// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/host/tcp_options.hpp"
#include "runnel/host/unique_fd.hpp"

#include <string_view>

namespace runnel::inline v0::host {

/// A new non-blocking, close-on-exec socket.
[[nodiscard]] result<unique_fd> open_socket(int family, int type);

/// Sets an option of a number; `name` is for the error's text.
[[nodiscard]] result<void> set_option(int fd, int level, int option, int value,
                                      std::string_view name);
/// The same for an option that is a text.
[[nodiscard]] result<void> set_option(int fd, int level, int option, std::string_view value,
                                      std::string_view name);

/// Sets the size of the kernel's send buffer; 0 leaves it.
[[nodiscard]] result<void> set_send_buffer(int fd, std::uint32_t bytes);

/// Applies what concerns a connection, to its socket or to the listening one it comes from. The
/// `family` is the socket's.
[[nodiscard]] result<void> apply_options(int fd, int family, const tcp_options& options);
/// Applies what concerns a listening socket only.
[[nodiscard]] result<void> apply_listen_options(int fd, int family, const tcp_options& options);

[[nodiscard]] result<void> set_keepalive(int fd, const std::optional<tcp_keepalive>& probes);
[[nodiscard]] result<void> set_user_timeout(int fd, std::chrono::milliseconds limit);
[[nodiscard]] result<void> set_congestion_control(int fd, std::string_view name);

} // namespace runnel::inline v0::host
