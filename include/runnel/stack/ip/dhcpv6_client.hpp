// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/core/random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace runnel::inline v0::stack {

/// Asks DHCPv6 servers for what a host needs besides its addresses, which are the name servers
/// (RFC 8415 6.1, "stateless DHCP"): a pure engine without sockets or clock.
///
/// The driver calls an input function, then sends what `next_message` gives, then sees to it that
/// `advance` is called at `deadline`. `now` never goes back.
class dhcpv6_client {
public:
    static constexpr std::uint16_t server_port = 547;
    static constexpr std::uint16_t client_port = 546;
    /// Name servers that are kept.
    static constexpr std::size_t max_servers = 8;

    /// Where servers and relays of a link listen.
    [[nodiscard]] static constexpr ipv6_address servers() noexcept {
        return {0xff02'0000'0000'0000, 0x0001'0002};
    }

    /// `seed` chooses transaction numbers and spreads questions.
    dhcpv6_client(mac_address hardware, std::uint64_t seed) noexcept;

    /// Routers say that there is something to ask for. More than once is the same.
    void start(time_point now);
    void received(std::span<const std::byte> message, time_point now);
    void advance(time_point now);

    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// What to send to the servers, if there is something.
    [[nodiscard]] std::optional<buffer> next_message();

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] const std::vector<ip_address>& name_servers() const noexcept {
        return name_servers_;
    }

private:
    static constexpr std::size_t identifier_size = 10;

    void ask(time_point now);
    [[nodiscard]] duration spread(duration around);

    std::array<std::byte, identifier_size> identifier_{};
    prng random_;
    bool started_ = false;
    bool asking_ = false;
    std::uint32_t transaction_ = 0;
    time_point began_{};
    duration wait_{};
    time_point deadline_ = never;
    std::optional<buffer> message_;
    std::vector<ip_address> name_servers_;
};

} // namespace runnel::inline v0::stack
