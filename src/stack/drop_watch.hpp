// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/ip/network_counters.hpp"
#include "runnel/stack/tcp_counters.hpp"

#include <string>

namespace runnel::inline v0::stack {

/// Tells by counters what was dropped from one moment to the next.
class drop_watch {
public:
    /// What was dropped since the last call, as "dropped: bad_checksum"; empty if nothing was.
    [[nodiscard]] std::string next(const network_counters& network, const tcp_counters& tcp);

private:
    decltype(network_counters::dropped) network_{};
    decltype(tcp_counters::dropped) tcp_{};
};

} // namespace runnel::inline v0::stack
