// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/stack/tcp_driver.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>

namespace runnel::inline v0::stack {

/// A TCP connection of a stack as a flow. Finishes as `flow` says:
/// - `reset`: the peer sent RST.
/// - `timed_out`: the peer does not answer (retransmissions, keepalive, user timeout).
/// - `unreachable`: the address of ours that it was connected from is gone.
/// - `aborted`: also when the stack was disconnected.
///
/// What arrived before any of these is given first. After `close` nothing of it is left but what
/// TIME-WAIT needs.
class tcp_flow : public flow {
public:
    /// How it stands; of a flow that is over, nothing but the state.
    [[nodiscard]] virtual tcp_info info() const = 0;

    /// The calls below do nothing once the flow has ended.
    virtual void set_nodelay(bool on) noexcept = 0;
    /// Holds back segments that are not full, until it is taken back, or `flush`, or the end.
    virtual void set_cork(bool on) noexcept = 0;
    virtual void set_keepalive(const tcp_keepalive& probes) noexcept = 0;
    virtual void set_user_timeout(duration limit) noexcept = 0;
};

using tcp_flow_ptr = std::unique_ptr<tcp_flow>;

/// What flows differ in from the stack's configuration.
struct tcp_flow_options {
    bool nodelay = true;
    bool cork = false;
    std::optional<tcp_keepalive> keepalive = {};
    std::optional<duration> user_timeout = {};
    /// `connect`: from where; what is zero in it is chosen.
    std::optional<ip_endpoint> from = {};
};
static_assert(std::is_trivially_destructible_v<tcp_flow_options>);

/// Connects to an address and port. Can be stopped at any time. Errors, with "connect tcp://…" in
/// front: `refused`, `timed_out`, `unreachable`, `address_in_use`, `limit_exceeded`,
/// `invalid_argument`.
[[nodiscard]] task<result<tcp_flow_ptr>> connect(tcp_driver& driver, ip_endpoint to,
                                                 tcp_flow_options options = {});

/// How to listen.
struct tcp_listen_options {
    tcp_flow_options flows = {};
    /// At `::`: IPv4 is left alone.
    bool v6_only = false;
    /// Connections that are open and were not accepted, and as many half-open ones.
    std::size_t backlog = 1024;
    /// Flows of this listener at a time; beyond, peers wait. 0: any number.
    std::size_t max_connections = 0;
};
static_assert(std::is_trivially_destructible_v<tcp_listen_options>);

/// Listens at an address and port; port 0 takes any free one, which `local()` tells. `accept()`
/// gives flows that are `tcp_flow`s, and they live on when the listener is closed. Errors, with
/// "listen tcp://…" in front: `address_in_use`, `unreachable` (no such address of ours),
/// `limit_exceeded`.
[[nodiscard]] result<listener_ptr> listen(tcp_driver& driver, ip_endpoint at,
                                          tcp_listen_options options = {});

} // namespace runnel::inline v0::stack
