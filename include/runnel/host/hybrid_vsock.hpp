// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/unix.hpp"

#include <cstdint>
#include <string>
#include <utility>

/// Vsock ports of guests whose hypervisor carries them over Unix sockets of the host.
namespace runnel::inline v0::host {

/// How a hypervisor asks for a port of its guest.
enum class hybrid_vsock_kind : std::uint8_t {
    /// Firecracker and Cloud Hypervisor: `CONNECT port` on the device's socket, answered by `OK`
    /// and a number. What the guest connects to arrives at the socket's path with `_port` behind.
    connect_line,
    /// HyperKit: the guest's number and the port in hexadecimal on the socket `connect` of a
    /// folder, without an answer. What the guest connects to arrives in the folder, too.
    hyperkit,
};

/// A vsock port of a guest, or of us for a guest, by the Unix socket of its hypervisor.
class hybrid_vsock_address {
public:
    /// The guest's number where a machine has only one.
    static constexpr std::uint32_t only_guest = 3;

    /// `path` is that of the device's socket, for HyperKit the folder. Only HyperKit is told the
    /// number of the guest.
    hybrid_vsock_address(hybrid_vsock_kind kind, std::string path, std::uint32_t port,
                         std::uint32_t guest = only_guest) noexcept
        : kind_(kind), path_(std::move(path)), port_(port), guest_(guest) {}

    [[nodiscard]] hybrid_vsock_kind kind() const noexcept { return kind_; }
    [[nodiscard]] std::uint32_t port() const noexcept { return port_; }

    /// Where somebody connects to reach the guest, and where the guest's connections arrive.
    /// Errors: `invalid_argument` for a path that is too long.
    [[nodiscard]] result<unix_address> guest_socket() const;
    [[nodiscard]] result<unix_address> host_socket() const;
    /// What is said on the guest's socket first, the line's end included.
    [[nodiscard]] std::string request() const;

private:
    hybrid_vsock_kind kind_;
    std::string path_;
    std::uint32_t port_;
    std::uint32_t guest_;
};

/// Connects to a port of the guest. Errors: those of connecting to the Unix socket; `refused` when
/// the hypervisor hangs up instead of answering, because nobody listens on the port;
/// `protocol_error` for an answer of another kind. The peer may hold the answer back for ever:
/// bound it by a deadline.
[[nodiscard]] task<result<flow_ptr>> connect(hybrid_vsock_address to, unix_options options = {});

/// Listens for connections of the guest to a port of its host. Errors: of listening on the Unix
/// socket.
[[nodiscard]] result<listener_ptr> listen(const hybrid_vsock_address& at,
                                          unix_options options = {});

} // namespace runnel::inline v0::host
