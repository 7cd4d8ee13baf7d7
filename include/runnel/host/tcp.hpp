// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/tcp_options.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

/// TCP of the kernel.
namespace runnel::inline v0::host {

/// The states of RFC 9293 3.3.2, with the kernel's numbers.
enum class tcp_state : std::uint8_t {
    established = 1,
    syn_sent,
    syn_received,
    fin_wait_1,
    fin_wait_2,
    time_wait,
    closed,
    close_wait,
    last_ack,
    listen,
    closing,
};

/// "ESTABLISHED" and so on.
[[nodiscard]] std::string_view to_string(tcp_state state) noexcept;

/// What the kernel knows of a connection (TCP_INFO). Counters that an older kernel does not have
/// are 0.
struct tcp_information {
    tcp_state state = tcp_state::closed;
    duration round_trip{};           ///< smoothed (RFC 6298)
    duration round_trip_variation{}; ///< of the former
    duration minimum_round_trip{};
    duration retransmission_timeout{};
    std::uint32_t send_mss = 0; ///< bytes of a segment sent
    std::uint32_t receive_mss = 0;
    std::uint32_t path_mtu = 0;
    std::uint32_t congestion_window = 0;    ///< in segments
    std::uint32_t slow_start_threshold = 0; ///< in segments
    std::uint32_t receive_space = 0;        ///< bytes
    std::uint32_t send_window = 0;          ///< bytes that the peer allows
    std::uint32_t unacknowledged = 0;       ///< segments sent and not acknowledged
    std::uint32_t lost = 0;                 ///< segments taken for lost right now
    std::uint32_t not_sent = 0;             ///< bytes accepted from writes and not sent yet
    std::uint32_t retransmissions = 0;      ///< segments sent again, ever
    std::uint64_t bytes_sent = 0;           ///< with retransmissions
    std::uint64_t bytes_acknowledged = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_retransmitted = 0;
    std::uint64_t pacing_rate = 0;   ///< bytes a second, at most; ~0: no limit
    std::uint64_t delivery_rate = 0; ///< bytes a second, as measured last
};

/// A TCP connection of the kernel. Finishes as `flow` says:
/// - `reset`: the peer sent RST, or the system gave the connection up with EPIPE.
/// - `timed_out`: the peer does not answer (retransmissions, keepalive, `user_timeout`).
/// - `unreachable`: a router says so, and the system believes it.
/// - `abort()` sends RST. After both sides have finished cleanly there is nothing to reset, and the
///   kernel goes on to deliver what is left.
///
/// Data that arrived before a reset is still given first, as far as the kernel keeps it.
class tcp_flow : public flow {
public:
    /// The calls below give `closed` once the flow has ended.
    [[nodiscard]] virtual result<tcp_information> info() const = 0;

    /// See `tcp_options` for their meaning.
    [[nodiscard]] virtual result<void> set_nodelay(bool on) = 0;
    [[nodiscard]] virtual result<void> set_cork(bool on) = 0;
    [[nodiscard]] virtual result<void> set_quick_ack(bool on) = 0;
    [[nodiscard]] virtual result<void> set_keepalive(std::optional<tcp_keepalive> probes) = 0;
    [[nodiscard]] virtual result<void> set_user_timeout(std::chrono::milliseconds limit) = 0;
    [[nodiscard]] virtual result<void> set_congestion_control(std::string_view name) = 0;
};

using tcp_flow_ptr = std::unique_ptr<tcp_flow>;

/// Connects to a TCP port. Can be stopped at any time. Errors, with "connect tcp://…" in front:
/// `refused`, `timed_out`, `unreachable`, `permission_denied`, `address_in_use` (of `bind`),
/// `limit_exceeded` (descriptors, memory, local ports), and those of options the system refuses.
[[nodiscard]] task<result<tcp_flow_ptr>> connect(ip_endpoint to, tcp_options options = {});

/// Listens on an address and port; port 0 takes any free one, which `local()` tells. `accept()`
/// gives flows that are `tcp_flow`s. Errors, with "listen tcp://…" in front: `address_in_use`,
/// `permission_denied`, `unreachable` (no such local address), and those of options.
[[nodiscard]] result<listener_ptr> listen(ip_endpoint at, tcp_options options = {});

} // namespace runnel::inline v0::host
