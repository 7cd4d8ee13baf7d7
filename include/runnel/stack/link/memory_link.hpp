// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/link/link.hpp"

#include <cstddef>
#include <memory>

namespace runnel::inline v0::stack {

/// How a link in memory is.
struct memory_link_options {
    link_medium medium = link_medium::ethernet;
    std::uint32_t mtu = 1500;
    /// With none, frames go over it as they would over a wire: whole, with all checksums made.
    link_capabilities capabilities;
    /// Frames that may wait to be fetched.
    std::size_t queue_limit = 4096;
};

/// Two links whose ends are each other's. Frames go by reference.
struct memory_link_pair {
    std::unique_ptr<link> first;
    std::unique_ptr<link> second;
};

/// Makes both ends of a cable. An end that is destroyed lets the other lose what it sends.
[[nodiscard]] memory_link_pair make_memory_pair(const memory_link_options& options,
                                                mac_address first, mac_address second);

/// A link that gives back what is sent into it, for packets to oneself: of the medium `ip`, with
/// all capabilities.
[[nodiscard]] std::unique_ptr<link> make_loopback_link(std::uint32_t mtu = 65'535);

/// An Ethernet switch in memory that learns which address is behind which port.
class memory_switch {
public:
    /// Addresses that are remembered at most; more are sent to all ports.
    static constexpr std::size_t max_addresses = 4096;

    memory_switch();
    memory_switch(const memory_switch&) = delete;
    memory_switch& operator=(const memory_switch&) = delete;
    /// Ports may outlive it; they are connected to nothing then.
    ~memory_switch();

    /// A new port. It is unplugged by destroying it. Requires the medium `ethernet`. A frame that
    /// goes to a port with fewer capabilities than the one it came from is cut on the way, and
    /// dropped if it is still too large for the port's MTU.
    [[nodiscard]] std::unique_ptr<link> add_port(const memory_link_options& options,
                                                 mac_address mac);

    /// The number of ports that are plugged in.
    [[nodiscard]] std::size_t ports() const noexcept;

private:
    class hub;
    class port;
    std::shared_ptr<hub> hub_;
};

} // namespace runnel::inline v0::stack
