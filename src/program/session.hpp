// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page.hpp"
#include "terminal.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/resolver.hpp"
#include "runnel/stack/stack_definition.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace runnel::inline v0::program {

/// How the program ended, as its exit status says it.
enum exit_status : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    /// Some of it was done.
    exit_partial = 3,
    /// By a signal: 128 + SIGINT, as shells count.
    exit_interrupted = 130,
};

/// What every command takes.
struct global_options {
    backend_kind backend = backend_kind::automatic;
    color_mode color = color_mode::automatic;
    /// Looks names of hosts up; null for the system's resolver.
    std::shared_ptr<resolver> names = {};
    /// Stacks of our own.
    std::vector<stack::stack_definition> stacks = {};
};

/// What a command runs in.
struct session {
    const command_page& program; ///< the root of all pages
    const command_page& page;    ///< the page of this command
    global_options globals;
    terminal out;
    terminal err;

    /// Tells on standard error, in one line, what went wrong: "runnel: relay: …".
    void complain(std::string_view what) const;
    void complain(const error& what) const;
    /// The same about how the command was called, for `exit_usage`.
    int usage_error(std::string_view what) const;

    /// Makes the loop that the options ask for, or complains.
    [[nodiscard]] std::unique_ptr<loop> make_loop() const;

    /// Writes a result to standard output. `exit_ok`, or complains and gives `exit_failed`.
    [[nodiscard]] int print(std::string_view text) const;
};

/// Where a command stands in messages: "runnel: bench echo".
[[nodiscard]] std::string message_prefix(const command_page& page);

} // namespace runnel::inline v0::program
