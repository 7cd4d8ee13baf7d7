// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/flow/flow.hpp"

#include <type_traits>

namespace runnel::inline v0 {

/// How long a flow waits for its peer; 0: for ever.
struct timeout_options {
    /// No byte in either direction, whether or not anybody reads or writes.
    duration idle{0};
    /// A read that gets nothing.
    duration read{0};
    /// A write of which no further 64 KiB are accepted; a flush, a shutdown or a close.
    duration write{0};
};
static_assert(std::is_trivially_destructible_v<timeout_options>);

/// A flow that gives a silent peer up: when one of the times has passed, the flow below is aborted,
/// and both directions finish with `timed_out`. Belongs to the loop that runs when it is made.
///
/// For a time limit on one operation after which the flow goes on, use `with_timeout`.
[[nodiscard]] flow_ptr make_timeout(flow_ptr below, timeout_options options);

} // namespace runnel::inline v0
