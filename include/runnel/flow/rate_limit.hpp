// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <type_traits>

namespace runnel::inline v0 {

/// How fast each direction may be at most.
struct rate_limit_options {
    /// Bytes per second; 0: as fast as the flow below.
    std::uint64_t read_rate = 0;
    std::uint64_t write_rate = 0;
    /// Bytes that may pass at once after a pause, and the largest piece that passes; 0: a tenth of
    /// a second's worth, at least 1.
    std::uint64_t read_burst = 0;
    std::uint64_t write_burst = 0;
};
static_assert(std::is_trivially_destructible_v<rate_limit_options>);

/// A flow that slows another down: by any time t after its start, at most burst + rate × t bytes
/// have passed in a direction, and not a nanosecond later than that if they were there. What waits
/// for its turn holds the peer up through the flow below. While the flow closes, a read that waits
/// for its turn counts as none: what then arrives faster than the rate may be discarded.
[[nodiscard]] flow_ptr make_rate_limit(flow_ptr below, rate_limit_options options);

} // namespace runnel::inline v0
