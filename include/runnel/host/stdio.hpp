// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/host/unique_fd.hpp"

#include <string>

/// Files that are open already, and the standard ones, as flows.
namespace runnel::inline v0::host {

/// Makes a flow of an open pipe, terminal, device or regular file, and takes it over; sockets have
/// calls of their own. The file's mode decides what can be read and written; `name` is its address.
///
/// A file that others have open, too, such as a terminal, keeps blocking for them: it is opened
/// anew where the system can do that.
[[nodiscard]] result<flow_ptr> adopt_file(unique_fd file, std::string name);

/// Standard input and output as one flow. Both stay open for the rest of the program.
[[nodiscard]] result<flow_ptr> open_stdio();

} // namespace runnel::inline v0::host
