// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/stack/sequence.hpp"
#include "runnel/stack/tcp_key.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0::stack {

/// What the network below remembers for a connection between two segments, such as the number of a
/// cached route and the generation of the routes it belongs to. Only the network reads and writes
/// it; a new connection's is all zero, which has to mean that nothing is remembered.
struct tcp_way_hint {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
};

/// What a way through the network carries.
struct tcp_way {
    /// The largest IP packet known to arrive, in bytes with its headers: the link's MTU, or less
    /// where the path told so (RFC 8201).
    std::uint32_t mtu = 1500;
    /// The most payload one `tcp_segment` may hold, whoever cuts it: at least one segment's.
    std::uint32_t burst = 65'535;
};

/// What TCP needs of the network below it. One object for all interfaces of a stack.
class tcp_lower {
public:
    tcp_lower() = default;
    tcp_lower(const tcp_lower&) = delete;
    tcp_lower& operator=(const tcp_lower&) = delete;
    virtual ~tcp_lower() = default;

    /// The address of ours from which `remote` is reached (RFC 6724). Errors: `unreachable`.
    [[nodiscard]] virtual result<ip_address> source_for(const ip_address& remote) const = 0;

    /// Whether packets to this address are for us.
    [[nodiscard]] virtual bool is_ours(const ip_address& address) const noexcept = 0;

    /// What may be sent from `local` to `remote`. Asked when a connection begins, and again after
    /// `tcp_upper::on_too_big`.
    [[nodiscard]] virtual tcp_way way(const ip_address& local,
                                      const ip_address& remote) const noexcept = 0;

    /// Sends a segment between the addresses of `key`. Writes the headers of TCP and of everything
    /// below, with the checksums that the link does not make, and cuts what stands for many
    /// segments where the link does not. The slices of the payload are moved out of `segment`, or
    /// shared; they must not be changed. What cannot be sent is dropped and counted below: TCP
    /// finds out by itself. Packets may be kept back until `flush`.
    ///
    /// False: it was taken, but the way is full; more is welcome after `tcp_upper::on_writable`.
    virtual bool send(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment,
                      time_point now) = 0;

    /// What was sent leaves now, in one burst.
    virtual void flush(time_point now) = 0;

    /// Whether packets for addresses that are not ours are handed up, too: for those who answer in
    /// the place of others (forwarding listeners). `is_ours` does not change by it, but segments
    /// may then be sent from any address.
    virtual void accept_any_destination(bool on) noexcept = 0;
};

/// A TCP packet that came, or many of one flow that were made one (GRO).
///
/// `bytes` is everything from the first TCP header on up to the end of the IP payload; in a merged
/// packet, `more` holds the payloads of the others, whose headers differed in nothing but sequence
/// number, push flag and checksum, and which follow each other without a gap. The slices are moved
/// out by the receiver. An application may keep them for long, so a slice should not hold on to
/// much more memory than it has bytes.
struct tcp_packet {
    ip_address source;
    ip_address destination;
    buffer bytes;
    std::span<buffer> more;
    /// Whether the last packet of a merged one had PSH or FIN; ignored where `more` is empty.
    tcp_control last_control = tcp_control::none;
    /// Whether the IP header said CE (RFC 3168). Only packets marked alike may be merged.
    bool congestion_marked = false;
    /// Whether the TCP checksum is known to be right, by the link or since the packet was merged
    /// (each checksum is verified before), or because it never left this machine. Otherwise TCP
    /// verifies it.
    bool checksum_verified = false;
};

/// An ICMP error about a TCP segment of ours, as the part of it that was quoted says.
struct tcp_icmp_error {
    enum class kind : std::uint8_t {
        unreachable, // no route, no host, no port, not allowed (RFC 792 type 3, RFC 4443 type 1)
        too_big,     // RFC 1191, RFC 8201
        soft,        // time exceeded, source quench and what else is only worth counting
    };
    kind what = kind::soft;
    /// Of the segment that was quoted: `local` is us.
    ip_address local;
    ip_address remote;
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    sequence number;
    /// For `too_big`: the largest IP packet that gets through, at least 68 (v4) or 1280 (v6).
    std::uint32_t mtu = 0;
};

/// What the network hands to TCP. Calls come from the loop's thread, and never from within a call
/// of `tcp_lower`.
class tcp_upper {
public:
    tcp_upper() = default;
    tcp_upper(const tcp_upper&) = delete;
    tcp_upper& operator=(const tcp_upper&) = delete;
    virtual ~tcp_upper() = default;

    /// A packet for one of our addresses, or for any after `accept_any_destination(true)`. Source
    /// and destination are unicast addresses.
    virtual void receive(tcp_packet& packet, time_point now) = 0;

    /// The burst that the packets before belonged to is complete: now answers leave.
    virtual void end_of_burst(time_point now) = 0;

    virtual void on_icmp_error(const tcp_icmp_error& what, time_point now) = 0;

    /// There is room again after `tcp_lower::send` gave false.
    virtual void on_writable(time_point now) = 0;

    /// An address of ours is gone: what was connected from it ends as `unreachable`.
    virtual void on_address_removed(const ip_address& address, time_point now) = 0;
};

} // namespace runnel::inline v0::stack
