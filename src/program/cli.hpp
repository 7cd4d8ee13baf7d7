// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// What a command line asks for.
struct request {
    enum class kind : std::uint8_t { run, help, version, mistake };

    kind what = kind::mistake;
    /// The command to run; null for the other kinds.
    program::command* command = nullptr;
    /// The page of the command that was named, as far as one was.
    const command_page* page = nullptr;
    /// What is wrong with the command line.
    std::string mistake = {};
};

/// The command line of the program: reads it, and knows the pages of all commands.
class command_line {
public:
    explicit command_line(std::vector<std::unique_ptr<command>> commands);
    ~command_line();
    command_line(const command_line&) = delete;
    command_line& operator=(const command_line&) = delete;

    /// The page of the program, with those of all commands below it.
    [[nodiscard]] const command_page& page() const noexcept;
    [[nodiscard]] const global_options& globals() const noexcept;

    /// Reads the arguments, without the program's name, and fills the options of the commands.
    /// Call once.
    [[nodiscard]] request parse(std::span<const std::string> arguments);

private:
    struct implementation;
    std::unique_ptr<implementation> self_;
};

/// Runs the program; gives the exit status.
[[nodiscard]] int run_program(std::span<const std::string> arguments);

} // namespace runnel::inline v0::program
