// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

/// UDP of the kernel (RFC 768).
namespace runnel::inline v0::host {

/// How to make a UDP socket.
struct udp_options {
    /// Several sockets share the port; the kernel spreads the peers over them (SO_REUSEPORT).
    bool reuse_port = false;
    /// An IPv6 socket takes no IPv4 (IPV6_V6ONLY).
    bool v6_only = false;
    /// May send to broadcast addresses.
    bool broadcast = false;
    /// Datagrams of one peer and one size may arrive joined (UDP_GRO): see `datagram`.
    bool receive_joined = true;
    /// Errors that the network reports, such as a closed port, come out of `receive` and `send`,
    /// and name the peer (IP_RECVERR).
    bool network_errors = true;
    /// Bytes of the kernel's buffers; 0: the system's default.
    std::uint32_t receive_buffer = 0;
    std::uint32_t send_buffer = 0;
    /// Hops that a datagram may take; 0: the system's default.
    std::uint8_t hop_limit = 0;
    /// Differentiated services and ECN bits of what is sent.
    std::uint8_t traffic_class = 0;
};
static_assert(std::is_trivially_destructible_v<udp_options>);

/// A datagram, or several of one peer in a row that have the same size: what `sendmsg` with
/// UDP_SEGMENT and `recvmsg` with UDP_GRO carry in one call.
class datagram {
public:
    datagram() noexcept = default;
    datagram(ip_endpoint to, buffer data, std::uint16_t segment = 0) noexcept
        : peer(to), payload(std::move(data)), segment_size(segment) {}

    /// Whom it came from or goes to. A connected socket sends to its own peer whatever this says.
    ip_endpoint peer;
    /// Of our addresses, the one it came to or leaves from; none: the system chooses.
    std::optional<ip_address> local;
    buffer payload;
    /// If not 0, `payload` holds datagrams of this many bytes each, of which the last may be
    /// shorter.
    std::uint16_t segment_size = 0;
    /// Differentiated services and ECN bits of a datagram received.
    std::uint8_t traffic_class = 0;
};

/// A UDP socket. One task may receive and one may send at the same time; another of the same
/// direction gets `busy`. Each operation can be stopped, and then loses no datagram that it did not
/// give out. Belongs to one loop; destroyed while no operation waits.
class udp_socket {
public:
    /// The longest payload of one datagram over IPv4, in bytes.
    static constexpr std::size_t longest_payload = 65507;
    /// Datagrams, or joined runs of them, that one system call moves.
    static constexpr std::size_t batch = 16;

    /// Opens a socket that is bound to an address and port (port 0: any free one) and talks to
    /// anybody. Errors name the address: `address_in_use`, `permission_denied`, `unreachable`.
    [[nodiscard]] static result<std::unique_ptr<udp_socket>> bind(ip_endpoint local,
                                                                  udp_options options = {});

    /// Opens a socket that talks to one peer only.
    [[nodiscard]] static result<std::unique_ptr<udp_socket>> connect(ip_endpoint peer,
                                                                     udp_options options = {});

    virtual ~udp_socket() = default;
    udp_socket(const udp_socket&) = delete;
    udp_socket& operator=(const udp_socket&) = delete;

    /// Waits for the next datagram. An error that the network reports, such as `refused`, ends one
    /// call; the socket goes on. An empty datagram has an empty payload.
    [[nodiscard]] virtual task<result<datagram>> receive() = 0;

    /// Waits for datagrams and fills the front of `into` with what is there: at least one. Takes
    /// one system call for up to `batch` of them. `into` is not empty.
    [[nodiscard]] virtual task<result<std::size_t>> receive_many(std::span<datagram> into) = 0;

    /// Sends a datagram, waiting while the system has no room. Errors: `limit_exceeded` for one
    /// that is too long, and those of the network for an earlier one.
    [[nodiscard]] virtual task<result<void>> send(datagram what) = 0;

    /// Sends datagrams in order, `batch` of them a system call. Gives how many were taken from the
    /// front of `what`; fewer than all only together with an error at the next call.
    [[nodiscard]] virtual task<result<std::size_t>> send_many(std::span<datagram> what) = 0;

    /// Joins or leaves a multicast group, on the interface with that index (0: the system chooses).
    [[nodiscard]] virtual result<void> join(const ip_address& group,
                                            std::uint32_t interface = 0) = 0;
    [[nodiscard]] virtual result<void> leave(const ip_address& group,
                                             std::uint32_t interface = 0) = 0;

    [[nodiscard]] virtual ip_endpoint local() const noexcept = 0;
    /// The peer of a connected socket.
    [[nodiscard]] virtual std::optional<ip_endpoint> remote() const noexcept = 0;

protected:
    udp_socket() = default;
};

using udp_socket_ptr = std::unique_ptr<udp_socket>;

} // namespace runnel::inline v0::host
