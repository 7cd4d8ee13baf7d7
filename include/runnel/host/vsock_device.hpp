// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/unix.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace runnel::inline v0::host {

struct vsock_device_options {
    /// The guest's number; ours is 2, as always for a host.
    std::uint32_t cid = 3;
    /// Bytes that each connection keeps for its reader.
    std::size_t window = std::size_t{256} * 1024;
    std::size_t max_connections = 4096;
    /// Takes memory that the hypervisor, or whoever else has it, may shorten: if somebody does,
    /// this process dies of it. Memory of memfd_create(2) can be kept from that, other shared
    /// memory cannot.
    bool may_shrink = false;
};

/// A vsock device of a virtual machine, in this process (vhost-user): the guest's connections are
/// flows here, and the kernel of the host has no part in it.
///
/// The hypervisor connects to a Unix socket and shares the guest's memory. Nothing that the guest
/// or the hypervisor does there reaches other memory; a guest that breaks the rules loses its
/// connections. A peer in a Linux guest that dies or aborts looks like one that ended its stream.
class vsock_device {
public:
    /// Takes the place at which the hypervisor connects. Belongs to the current loop. Errors: of
    /// listening on the Unix socket.
    [[nodiscard]] static result<vsock_device> open(const unix_address& at,
                                                   const vsock_device_options& options = {});
    vsock_device(vsock_device&&) noexcept;
    vsock_device& operator=(vsock_device&&) = delete;
    ~vsock_device();

    /// What `listen` takes for every port at which nobody else listens.
    static constexpr std::uint32_t any_port = 0xFFFF'FFFF;

    /// Serves hypervisors, one after the other, until it is stopped. When one goes away, as for a
    /// guest that starts anew, every connection is `reset`, and `told` hears why: `end`, unless
    /// something was wrong. Gives the error of the listener.
    [[nodiscard]] task<result<void>> run(std::function<void(const error& why)> told = {});

    /// Opens a connection to a port of the guest. Errors: `refused`, `unreachable` while no guest
    /// uses the device, `limit_exceeded`.
    [[nodiscard]] task<result<flow_ptr>> connect(std::uint32_t port);
    /// Listens for connections of the guest to a port of its host. Errors: `address_in_use`.
    [[nodiscard]] result<listener_ptr> listen(std::uint32_t port);

private:
    class state;
    explicit vsock_device(std::shared_ptr<state> all) noexcept;
    std::shared_ptr<state> state_;
};

} // namespace runnel::inline v0::host
