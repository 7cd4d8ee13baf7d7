// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/ip_prefix.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/ip/dhcp_message.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace runnel::inline v0::stack {

/// An address for a while, and what else a server said.
struct dhcp_lease {
    ip_prefix address; ///< with the length of its network
    ipv4_address server;
    std::vector<dhcp_message::route> routes;
    std::vector<ipv4_address> name_servers;
    std::string domain;
    std::optional<std::uint16_t> mtu;
    time_point renewal{};   ///< T1: when the server is asked again
    time_point rebinding{}; ///< T2: when any server is
    time_point end{};       ///< `never` for an address without end
    friend bool operator==(const dhcp_lease&, const dhcp_lease&) noexcept = default;
};

/// Gets an address from a DHCP server and keeps it (RFC 2131 4.4): a pure engine without sockets or
/// clock.
///
/// The driver calls an input function, then takes all of `next_action`, then sees to it that
/// `advance` is called at `deadline`. No function calls back. `now` never goes back.
class dhcp_client {
public:
    enum class state : std::uint8_t {
        stopped,
        selecting,  ///< asked who has an address
        requesting, ///< asked one server for the address it offered
        checking,   ///< looks whether somebody has the address all the same
        bound,      ///< has it
        renewing,   ///< and asked the server to keep it
        rebinding,  ///< and asked all servers to keep it
        waiting,    ///< before it begins anew, after it was refused
    };

    /// Send a message over the link, from and to the ports of DHCP. To the address of all: over the
    /// link. From an unspecified address: we have none.
    struct send {
        ipv4_address from;
        ipv4_address to;
        buffer message;
    };
    /// Find out whether somebody has this address (RFC 5227 2.1), and answer by `checked`.
    struct check {
        ip_prefix address;
    };
    /// Use this address, which is not taken, or what is new about it.
    struct use {
        dhcp_lease lease;
    };
    /// Do not use this address, or check it, any longer.
    struct lose {
        ipv4_address address;
    };
    using action = std::variant<send, check, use, lose>;

    /// Leases for a shorter time are refused: they would be nothing but traffic.
    static constexpr duration least_lease = std::chrono::seconds(10);
    /// Before beginning anew (RFC 2131 3.1 (5) after a declined address).
    static constexpr duration pause = std::chrono::seconds(10);

    /// `seed` chooses transaction numbers and spreads repetitions.
    dhcp_client(mac_address hardware, std::uint64_t seed) noexcept
        : hardware_(hardware), random_(seed) {}

    /// Begins to look for an address; only in `stopped`.
    void start(time_point now);
    /// Gives the address back and stops.
    void release(time_point now);
    /// A message came from a server's port.
    void received(std::span<const std::byte> message, time_point now);
    /// What `check` wanted to know: whether nobody has the address.
    void checked(bool free, time_point now);
    void advance(time_point now);

    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    [[nodiscard]] std::optional<action> next_action();

    [[nodiscard]] state now_in() const noexcept { return state_; }
    /// What was given to us, while it may be used.
    [[nodiscard]] const std::optional<dhcp_lease>& lease() const noexcept { return lease_; }
    /// What a server said when it refused, until an address is there.
    [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

private:
    [[nodiscard]] dhcp_message message(dhcp_message::kind what, time_point now) const;
    void broadcast(const dhcp_message& what);
    void discover(time_point now);
    void begin(time_point now);
    void begin_after(duration span, time_point now);
    void request(time_point now);
    void extend(time_point now);
    void take_offer(const dhcp_message& offer, time_point now);
    void take_ack(const dhcp_message& ack, time_point now);
    void take_nak(const dhcp_message& nak, time_point now);
    void bind(time_point now);
    void give_up(time_point now);
    [[nodiscard]] duration backoff();

    mac_address hardware_;
    prng random_;
    state state_ = state::stopped;
    time_point deadline_ = never;
    time_point began_{};
    time_point asked_{}; // when the last request left: leases count from there
    std::uint32_t transaction_ = 0;
    unsigned attempts_ = 0;
    ipv4_address offered_;
    ipv4_address server_;
    std::optional<dhcp_lease> lease_;
    std::optional<dhcp_lease> granted_; // while it is checked
    std::string refusal_;
    std::deque<action> actions_;
};

[[nodiscard]] std::string_view name(dhcp_client::state state) noexcept;

} // namespace runnel::inline v0::stack
