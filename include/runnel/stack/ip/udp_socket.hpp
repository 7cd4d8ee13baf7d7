// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/stack/ring.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace runnel::inline v0::stack {

class network_core;
class udp_table;

/// A datagram that came.
struct udp_datagram {
    ip_endpoint source;
    ip_endpoint destination;
    std::uint32_t interface = 0;
    std::uint8_t hop_limit = 0;
    std::uint8_t traffic_class = 0;
    buffer payload;
    time_point arrived{};
};

/// How a socket behaves.
struct udp_options {
    /// Datagrams that wait to be received, and their bytes in memory; what comes then is dropped.
    std::size_t queue = 256;
    std::size_t queue_bytes = std::size_t{1} << 20U;
    std::uint8_t hop_limit = 64;
    std::uint8_t multicast_hop_limit = 1;
    /// Only over this interface, and with no route asked for: also before it has an address.
    std::optional<std::uint32_t> interface;
};

/// A UDP socket (RFC 768) of a network, which it must not outlive. Made by `network::open_udp`.
class udp_socket {
public:
    using ready_function = void (*)(void* context) noexcept;

    udp_socket(network_core& core, const ip_endpoint& local, const udp_options& options);
    udp_socket(const udp_socket&) = delete;
    udp_socket& operator=(const udp_socket&) = delete;
    ~udp_socket();

    [[nodiscard]] const ip_endpoint& local() const noexcept { return local_; }
    [[nodiscard]] const std::optional<ip_endpoint>& remote() const noexcept { return remote_; }

    /// From now on only datagrams of `remote` are received, and ICMP errors about those to it are
    /// told. Errors: `unreachable`, `invalid_argument` (of the other family, or port 0).
    result<void> connect(const ip_endpoint& remote);

    /// Sends a datagram; `network::flush` sends it on. Fragments it if it is larger than the path
    /// takes. Errors: `unreachable`, `limit_exceeded` (more than 65,507 bytes, or 65,527 in IPv6),
    /// `invalid_argument`, and what an ICMP error said of one before (`refused`, `unreachable`),
    /// in which case nothing is sent.
    result<void> send_to(const ip_endpoint& to, buffer payload, time_point now);
    /// The same from a certain address, which must be ours or unspecified, by the routes there are:
    /// an interface that the socket is bound to counts only for groups and for everybody.
    result<void> send_from(const ip_address& source, const ip_endpoint& to, buffer payload,
                           time_point now);
    /// The same to where it is connected.
    result<void> send(buffer payload, time_point now);

    /// Takes the next datagram, if there is one; an error that came is told before.
    [[nodiscard]] result<std::optional<udp_datagram>> receive();

    /// Receives what is sent to a multicast group on an interface. Errors: `invalid_argument`,
    /// `limit_exceeded`.
    result<void> join(const ip_address& group, std::uint32_t interface);
    void leave(const ip_address& group, std::uint32_t interface);

    /// Sets what is called when there is something to receive. It must not call the network.
    void on_ready(ready_function function, void* context) noexcept {
        ready_ = function;
        ready_context_ = context;
    }

private:
    friend class udp_table;
    static constexpr std::size_t max_groups = 64;
    struct membership {
        ip_address group;
        std::uint32_t interface;
        friend bool operator==(const membership&, const membership&) noexcept = default;
    };

    result<void> send_datagram(const ip_endpoint& from, const ip_endpoint& to,
                               const udp_options& options, buffer payload, time_point now);
    [[nodiscard]] int match(const udp_datagram& datagram) const noexcept;
    [[nodiscard]] bool is_member(const ip_address& group, std::uint32_t interface) const noexcept;
    [[nodiscard]] bool take(udp_datagram&& datagram);
    void fail_with(errc how) noexcept;

    network_core* core_;
    ip_endpoint local_;
    udp_options options_;
    std::optional<ip_endpoint> remote_;
    std::optional<errc> error_;
    ring<udp_datagram> queue_;
    std::size_t queued_bytes_ = 0;
    std::vector<membership> groups_;
    ready_function ready_ = nullptr;
    void* ready_context_ = nullptr;
};

} // namespace runnel::inline v0::stack
