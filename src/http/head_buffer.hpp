// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/head_parser.hpp"

namespace runnel::inline v0::http {

/// Adds a piece to the head that is gathered in `head`, in one piece, and goes on parsing it.
/// Whether it is whole: then what follows it is given back to where it came from.
[[nodiscard]] result<bool> add_to_head(buffer& head, buffer piece, head_parser& parser,
                                       buffered_flow& source);

} // namespace runnel::inline v0::http
