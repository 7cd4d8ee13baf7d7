// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/ip_prefix.hpp"
#include "runnel/core/mac_address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace runnel::inline v0::stack {

/// A message of DHCP for IPv4 (RFC 2131), with those options (RFC 2132) that a host uses.
struct dhcp_message {
    enum class kind : std::uint8_t {
        discover = 1,
        offer = 2,
        request = 3,
        decline = 4,
        ack = 5,
        nak = 6,
        release = 7,
        inform = 8,
    };
    /// A way to a network (RFC 3442). An unspecified gateway: it is on the link itself.
    struct route {
        ip_prefix destination;
        ipv4_address gateway;
        friend bool operator==(const route&, const route&) noexcept = default;
    };

    static constexpr std::uint16_t server_port = 67;
    static constexpr std::uint16_t client_port = 68;
    /// Larger messages are refused; the largest packet we say that we take.
    static constexpr std::size_t max_size = 1472;
    /// Entries that are kept of any list.
    static constexpr std::size_t max_servers = 8;
    static constexpr std::size_t max_routes = 32;

    kind what = kind::discover;
    /// From a server to a client, and not the other way round.
    bool reply = false;
    std::uint32_t transaction = 0;
    /// Since the client began.
    std::uint16_t seconds = 0;
    /// The answer is to be broadcast, because the client has no address yet.
    bool broadcast = false;
    ipv4_address client; ///< ciaddr: an address that the client already has
    ipv4_address yours;  ///< yiaddr: the address that is offered
    ipv4_address relay;  ///< giaddr
    mac_address hardware;

    std::optional<ipv4_address> requested;
    std::optional<ipv4_address> server;
    std::optional<std::uint32_t> lease_seconds;
    std::optional<std::uint32_t> renewal_seconds;
    std::optional<std::uint32_t> rebinding_seconds;
    /// From the subnet mask.
    std::optional<unsigned> prefix_length;
    std::optional<std::uint16_t> mtu;
    std::vector<ipv4_address> routers;
    std::vector<ipv4_address> name_servers;
    /// Of a client that says so, classless routes count instead of routers.
    std::vector<route> routes;
    std::string domain;
    /// For people to read, such as why a server refused.
    std::string text;

    /// Reads a message. What is malformed in an option that can be missing makes it missing, and
    /// options may be split (RFC 3396) and stand in the fields for names (RFC 2132 9.3). Errors:
    /// `protocol_error`.
    [[nodiscard]] static result<dhcp_message> parse(std::span<const std::byte> bytes);

    /// Writes it. Clients say which options they want, and how large an answer they take. Lists
    /// that are too long are cut.
    [[nodiscard]] buffer encode() const;

    friend bool operator==(const dhcp_message&, const dhcp_message&) noexcept = default;
};

} // namespace runnel::inline v0::stack
