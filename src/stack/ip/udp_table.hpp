// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/stack/ip/udp_socket.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace runnel::inline v0::stack {

/// Which UDP socket a datagram is for.
class udp_table {
public:
    enum class outcome : std::uint8_t { taken, no_socket, full };

    /// Errors: `address_in_use`.
    result<void> add(udp_socket& socket);
    void remove(udp_socket& socket) noexcept;
    /// Whether a port is free for an address.
    [[nodiscard]] bool is_free(const ip_endpoint& at) const noexcept;

    [[nodiscard]] bool has_port(std::uint16_t port) const noexcept { return ports_.contains(port); }

    /// Hands a datagram to the socket that fits best, or one for a group to all who want it.
    outcome deliver(udp_datagram&& datagram, bool to_group);
    /// Tells the socket that sent from `local` to `remote` what came of it.
    void fail(const ip_endpoint& local, const ip_endpoint& remote, errc how) noexcept;
    /// Whether anybody wants what is sent to a group on an interface.
    [[nodiscard]] bool wants(const ip_address& group, std::uint32_t interface) const noexcept;

private:
    std::unordered_map<std::uint16_t, std::vector<udp_socket*>> ports_;
    std::vector<udp_socket*> members_; // that joined any group
    friend class udp_socket;
};

} // namespace runnel::inline v0::stack
