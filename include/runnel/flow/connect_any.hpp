// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/address_selection.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/happy_eyeballs.hpp"
#include "runnel/flow/resolver.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

namespace runnel::inline v0 {

/// How a transport connects to addresses: what `connect_any` races.
class dialer {
public:
    dialer() = default;
    dialer(const dialer&) = delete;
    dialer& operator=(const dialer&) = delete;
    virtual ~dialer() = default;

    /// Connects. A stop ends the attempt.
    [[nodiscard]] virtual task<result<flow_ptr>> dial(ip_endpoint to) = 0;

    /// What is known of the way to an address, without asking anybody: for the order in which they
    /// are tried. Nothing, unless a transport knows.
    [[nodiscard]] virtual destination route(ip_endpoint to) { return {.endpoint = to}; }
};

/// How to connect to a name.
struct connect_any_options {
    happy_eyeballs_options timing = {};
    /// Which families are looked up and tried.
    bool v6 = true;
    bool v4 = true;
};
static_assert(std::is_trivially_destructible_v<connect_any_options>);

/// Connects to a name or an address in figures, by Happy Eyeballs (RFC 8305): both families are
/// looked up at once, addresses are tried as they come, each gets a head start of 250 ms before the
/// next, and the first connection wins. The others are stopped, and have ended when this is done.
///
/// The error is the most telling of all; its text has the reason of each attempt and look-up.
/// `resolver` and `dialer` must outlive the call.
[[nodiscard]] task<result<flow_ptr>> connect_any(resolver& names, dialer& by, std::string host,
                                                 std::uint16_t port,
                                                 connect_any_options options = {});

} // namespace runnel::inline v0
