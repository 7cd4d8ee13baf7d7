// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <optional>

namespace runnel::inline v0 {

/// Closes a flow that is closed beside others, and gives the error, if there is one, as a value: so
/// no other close is stopped because this one failed.
inline task<std::optional<error>> close_part(flow& part) {
    const result<void> closed = co_await part.close();
    co_return closed ? std::nullopt : std::optional(closed.error());
}

} // namespace runnel::inline v0
