// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

namespace runnel::inline v0 {

/// One flow of two: reads come from `input`, writes go to `output`. What `input` would write and
/// `output` would read is shut down. Addresses: local is the input's, remote the output's. Closing
/// closes both; aborting aborts both.
[[nodiscard]] flow_ptr make_duplex(flow_ptr input, flow_ptr output);

} // namespace runnel::inline v0
