// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <memory>
#include <string>
#include <vector>

/// Programs as flows.
namespace runnel::inline v0::host {

/// How a process ended.
class exit_status {
public:
    exit_status() noexcept = default;
    exit_status(int code, int signal) noexcept : code_(code), signal_(signal) {}

    /// Whether it ended by itself with code 0.
    [[nodiscard]] bool success() const noexcept { return code_ == 0 && signal_ == 0; }
    /// The code it ended with; 0 when a signal ended it.
    [[nodiscard]] int code() const noexcept { return code_; }
    /// The signal that ended it, or 0.
    [[nodiscard]] int signal() const noexcept { return signal_; }

private:
    int code_ = 0;
    int signal_ = 0;
};

/// A program that runs, seen from its other side: what is written to the flow is its standard
/// input, what it writes to standard output is read. Its standard error is ours.
///
/// `shutdown(write)` gives the program the end of its input. Reading ends with `end` when nobody
/// holds the program's output open any more. A program that crashes looks like one that ends:
/// `wait` tells. Writing to one that has closed its input gives `reset`. `close` waits for the end
/// of its output, and so mostly of the program; `abort`, and dropping the flow, kill it. It is
/// always reaped.
class process_flow : public flow {
public:
    /// The number of the process, as long as it was not reaped.
    [[nodiscard]] virtual int id() const noexcept = 0;

    /// Waits until the program has ended. Again, and for others at the same time: the same.
    [[nodiscard]] virtual task<result<exit_status>> wait() = 0;
};

using process_flow_ptr = std::unique_ptr<process_flow>;

/// Starts a program, looked for in PATH, with its arguments; the first one is its name. Errors:
/// `not_found`, `permission_denied`, `limit_exceeded`, with "exec NAME" in front.
[[nodiscard]] result<process_flow_ptr> spawn(const std::vector<std::string>& arguments);

/// Starts a command of the shell: `/bin/sh -c COMMAND`.
[[nodiscard]] result<process_flow_ptr> spawn_shell(const std::string& command);

} // namespace runnel::inline v0::host
