// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"
#include "runnel/http/incoming_body.hpp"

namespace runnel::inline v0::program {

/// A body as a flow that can only be read. The body outlives it.
[[nodiscard]] flow_ptr make_body_flow(http::incoming_body& body);

} // namespace runnel::inline v0::program
