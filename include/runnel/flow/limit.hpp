// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <limits>
#include <type_traits>

namespace runnel::inline v0 {

/// What a reader of a limited flow gets once the limit is reached.
enum class limit_end : std::uint8_t {
    /// The end, as if the peer had finished there.
    end,
    /// `limit_exceeded` if there is even one byte more, otherwise how the flow finished.
    error,
};

/// How much may pass through a flow in each direction.
struct limit_options {
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t read = unlimited;
    std::uint64_t write = unlimited;
    limit_end at_end = limit_end::end;
};
static_assert(std::is_trivially_destructible_v<limit_options>);

/// A flow that passes at most so many bytes each way. A write beyond the limit is accepted up to it
/// and fails with `limit_exceeded`; the peer is not told, so that whoever writes can still abort or
/// close.
[[nodiscard]] flow_ptr make_limit(flow_ptr below, limit_options options);

} // namespace runnel::inline v0
