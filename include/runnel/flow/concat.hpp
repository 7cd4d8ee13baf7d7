// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

#include <vector>

namespace runnel::inline v0 {

/// A flow that reads several flows one after the other: what comes from the first up to its clean
/// end, then from the second, and so on. Any other way in which one finishes ends the whole.
///
/// Writes go to the last one, so that a first flow can put something in front of what a peer sends:
/// `make_concat(already_read, connection)`. Addresses are those of the last one. Closing closes
/// all; aborting aborts all. There must be at least one.
[[nodiscard]] flow_ptr make_concat(std::vector<flow_ptr> parts);
[[nodiscard]] flow_ptr make_concat(flow_ptr first, flow_ptr second);

} // namespace runnel::inline v0
