// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_endpoint.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::host {

/// Probes that find out whether a silent peer is still there. A peer that answers none of them ends
/// the flow with `timed_out`.
struct tcp_keepalive {
    /// Silence before the first probe; 0: the system's value, two hours as a rule. In whole
    /// seconds, rounded up, 1 s to 32767 s.
    std::chrono::milliseconds after{0};
    /// Time between probes; 0: the system's value. As `after`.
    std::chrono::milliseconds interval{0};
    /// Unanswered probes that end the flow, 1 to 127; 0: the system's value.
    int count = 0;

    friend bool operator==(const tcp_keepalive&, const tcp_keepalive&) = default;
};

/// How to make a TCP socket. A listener's flows inherit everything that concerns a connection.
/// Texts must stay valid until the call is done.
struct tcp_options {
    /// Sends small writes at once, even while earlier ones are not acknowledged (TCP_NODELAY: no
    /// Nagle's algorithm, RFC 896).
    bool nodelay = true;
    /// Holds back incomplete segments for up to 200 ms, until they fill up, `flush`, or the end of
    /// the writing side (TCP_CORK).
    bool cork = false;
    /// Acknowledges at once instead of up to 40 ms later. The kernel may fall back by itself.
    bool quick_ack = false;
    /// TCP Fast Open (RFC 7413). To a peer met before, the SYN goes out with the first write, and
    /// errors of the connection come from there. With a listener, data in a SYN is taken.
    bool fast_open = false;
    /// Probes a silent peer.
    std::optional<tcp_keepalive> keepalive = {};
    /// `close()` also waits until the peer has acknowledged everything, at most so long; then it
    /// resets the connection and gives `timed_out`. Without, what the peer has not acknowledged yet
    /// when both sides have closed is delivered in the background.
    std::optional<std::chrono::milliseconds> linger = {};
    /// How long sent data may stay unacknowledged before the flow ends with `timed_out`
    /// (TCP_USER_TIMEOUT, RFC 5482). 0: the system's value, about 15 minutes.
    std::chrono::milliseconds user_timeout{0};
    /// Writes of at least so many bytes are sent from where they lie, where kernel and backend can.
    /// 0: never. Below about 16 KiB it costs more than it saves, and over loopback always.
    std::uint32_t zero_copy = 0;
    /// Bytes of the kernel's buffers; 0: the system sizes them as the connection needs.
    std::uint32_t send_buffer = 0;
    std::uint32_t receive_buffer = 0;
    /// Name of the congestion control, as in `net.ipv4.tcp_available_congestion_control`; empty:
    /// the system's.
    std::string_view congestion_control = {};
    /// The interface to use (SO_BINDTODEVICE); empty: any.
    std::string_view interface = {};
    /// For firewall and routing rules (SO_MARK; needs CAP_NET_ADMIN); 0: none.
    std::uint32_t mark = 0;
    /// DSCP and ECN, the second byte of an IP header; 0: the system's value.
    std::uint8_t traffic_class = 0;

    /// `connect`: the address and port to connect from.
    std::optional<ip_endpoint> bind = {};

    /// `listen`: takes the port over from connections that just ended (SO_REUSEADDR).
    bool reuse_address = true;
    /// `listen`: several sockets share the port, and the kernel spreads connections over them.
    bool reuse_port = false;
    /// `listen` on an IPv6 address: IPv4 is left alone. Otherwise `[::]` takes both.
    bool v6_only = false;
    /// `listen`: connections the kernel holds ready; the system limits it (`net.core.somaxconn`).
    int backlog = 4096;
    /// `listen`: most flows from this listener at a time; the next ones wait in the kernel. 0: any
    /// number.
    std::size_t max_connections = 0;
};
static_assert(std::is_trivially_destructible_v<tcp_options>);

} // namespace runnel::inline v0::host
