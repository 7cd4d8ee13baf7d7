// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/task.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <memory>

namespace runnel::inline v0::stack {

/// A UDP socket of a stack for tasks of its loop. One task receives at a time. The stack outlives
/// it.
class udp_channel {
public:
    /// Errors: those of `network::open_udp`.
    [[nodiscard]] static result<std::unique_ptr<udp_channel>>
    open(ip_stack& over, const ip_endpoint& at, const udp_options& options = {});

    udp_channel(ip_stack& over, std::unique_ptr<udp_socket> socket) noexcept;
    udp_channel(const udp_channel&) = delete;
    udp_channel& operator=(const udp_channel&) = delete;
    ~udp_channel();

    [[nodiscard]] udp_socket& socket() noexcept { return *socket_; }

    /// See `udp_socket`. What was sent has left when this returns.
    result<void> connect(const ip_endpoint& remote) { return socket_->connect(remote); }
    result<void> send_to(const ip_endpoint& to, buffer payload);
    result<void> send(buffer payload);

    /// Waits for the next datagram, or for an error that ICMP reported.
    [[nodiscard]] task<result<udp_datagram>> receive();

private:
    result<void> sent(result<void> how);

    ip_stack* stack_;
    std::unique_ptr<udp_socket> socket_;
    event ready_{event_reset::automatic};
};

} // namespace runnel::inline v0::stack
