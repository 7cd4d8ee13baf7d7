// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server.hpp"

#include "runnel/async/time.hpp"

#include <memory>

namespace runnel::inline v0::program {

/// Sends back whatever comes. Ends a connection on which nothing moved for so long; 0: never.
[[nodiscard]] std::unique_ptr<connection_handler> make_echo_handler(duration idle_timeout);

} // namespace runnel::inline v0::program
