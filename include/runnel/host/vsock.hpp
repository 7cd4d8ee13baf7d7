// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

/// Sockets between a virtual machine and its host (AF_VSOCK, vsock(7)).
namespace runnel::inline v0::host {

/// The place of a vsock socket: the context identifier of a machine, and a port on it.
class vsock_address {
public:
    /// Any machine that can reach us, to listen.
    static constexpr std::uint32_t any = 0xFFFF'FFFF;
    /// The hypervisor itself.
    static constexpr std::uint32_t hypervisor = 0;
    /// This machine: a loopback, from Linux 5.6 on.
    static constexpr std::uint32_t local = 1;
    /// The host that this virtual machine runs on.
    static constexpr std::uint32_t host = 2;
    /// To listen: a port that the kernel chooses.
    static constexpr std::uint32_t any_port = 0xFFFF'FFFF;

    constexpr vsock_address(std::uint32_t machine, std::uint32_t at) noexcept
        : cid_(machine), port_(at) {}

    /// Reads the machine: a number, `any` (also `*` and nothing), `hypervisor`, `local` or `host`.
    /// Errors: `invalid_argument`.
    [[nodiscard]] static result<vsock_address> parse(std::string_view machine, std::uint32_t port);

    [[nodiscard]] constexpr std::uint32_t cid() const noexcept { return cid_; }
    [[nodiscard]] constexpr std::uint32_t port() const noexcept { return port_; }
    /// `vsock://2:1024`; any machine is `vsock://:1024`.
    [[nodiscard]] flow_address to_flow_address() const;

    friend bool operator==(const vsock_address&, const vsock_address&) = default;

private:
    std::uint32_t cid_;
    std::uint32_t port_;
};

/// How to make a vsock socket.
struct vsock_options {
    /// Bytes that the kernel keeps for us until they are read, which is the credit that the peer
    /// gets; 0: the system's value, mostly 256 KiB.
    std::uint64_t receive_buffer = 0;
    /// `connect`: how long the kernel waits for an answer; 0: the system's value, mostly 2 s.
    std::chrono::milliseconds connect_timeout{0};
    /// `listen`: most flows from this listener at a time; 0: any number.
    std::size_t max_connections = 0;
    /// `listen`: connections the kernel holds ready; more are refused.
    int backlog = 4096;
};
static_assert(std::is_trivially_destructible_v<vsock_options>);

/// A connection over a vsock stream socket.
///
/// Where it differs from TCP, because the kernel does not tell more:
/// - An `abort()`, or the death of the peer's process, looks like a clean `end` to the other side.
/// - `flush` and `write_nodelay` are done at once: what was accepted is on its way.
class vsock_flow : public flow {
public:
    /// Our end; its machine is `any` on the side that connected, because the kernel does not say.
    [[nodiscard]] virtual vsock_address own() const noexcept = 0;
    [[nodiscard]] virtual vsock_address peer() const noexcept = 0;
};

using vsock_flow_ptr = std::unique_ptr<vsock_flow>;

/// Connects to a vsock port; `any` as the machine means this one. Errors, with "connect vsock://…"
/// in front: `refused` (nobody listens), `timed_out`, `unreachable` (no transport leads to this
/// machine), `not_supported` (the kernel has no vsock).
[[nodiscard]] task<result<vsock_flow_ptr>> connect(vsock_address to, vsock_options options = {});

/// Listens on a vsock port. `accept()` gives flows that are `vsock_flow`s. Errors, with "listen
/// vsock://…" in front: `address_in_use`, `unreachable` (a machine that is not this one),
/// `permission_denied` (ports below 1024), `not_supported`.
[[nodiscard]] result<listener_ptr> listen(const vsock_address& at, vsock_options options = {});

/// The context identifier that others reach this machine by, such as 2 on a host. Errors:
/// `not_found` where the kernel has no vsock, `permission_denied`.
[[nodiscard]] result<std::uint32_t> own_vsock_cid();

} // namespace runnel::inline v0::host
