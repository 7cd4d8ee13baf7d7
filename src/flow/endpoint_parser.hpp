// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/endpoint.hpp"

namespace runnel::inline v0 {

/// What `parse_endpoint` gives.
struct parsed_endpoint {
    endpoint_parts parts;
    const scheme_info* info = nullptr; // of the transport
    parameters params;
};

/// The grammar of `endpoint::parse`.
[[nodiscard]] result<parsed_endpoint> parse_endpoint(std::string_view text);

} // namespace runnel::inline v0
