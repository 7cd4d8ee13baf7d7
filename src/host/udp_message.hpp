// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/host/udp.hpp"
#include "socket_address.hpp"

#include <array>
#include <cstddef>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

namespace runnel::inline v0::host {

/// A datagram as the kernel's calls take it: a message with its address and ancillary data. Stays
/// where it is while a call uses it.
class udp_message {
public:
    udp_message() = default;
    udp_message(const udp_message&) = delete;
    udp_message& operator=(const udp_message&) = delete;

    /// Makes `header` ready to receive into `room`.
    void prepare_receive(msghdr& header, std::span<std::byte> room) noexcept;
    /// Puts what a call received into `out`, all but the payload.
    void parse(const msghdr& header, datagram& out) const noexcept;
    /// Makes `header` ready to send `what`; without an address on a connected socket.
    void prepare_send(msghdr& header, const datagram& what, bool connected, int family) noexcept;

private:
    /// Packet information, traffic class and segment size, for either family.
    static constexpr std::size_t control_bytes = 256;

    socket_address peer_;
    iovec data_{};
    alignas(cmsghdr) std::array<std::byte, control_bytes> control_{};
};

/// Takes one entry off the socket's queue of network errors, if there is one: whom it concerns and
/// what was said.
[[nodiscard]] std::optional<error> take_network_error(int fd);

} // namespace runnel::inline v0::host
