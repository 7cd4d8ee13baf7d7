// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// What may be written as the value of an option or operand, for shells that complete it.
enum class value_kind : std::uint8_t {
    none,     ///< a flag
    text,     ///< anything
    number,   ///< a whole number
    duration, ///< 10s, 250ms
    bytes,    ///< 64KiB
    choice,   ///< one of `choices`
    endpoint, ///< an endpoint
    file,     ///< a path
};

/// One option or operand of a command.
struct option_page {
    /// "-l", "--listen"; for an operand its one name without dashes, as "A".
    std::vector<std::string> names = {};
    value_kind kind = value_kind::none;
    /// What stands for the value in help, as "DURATION".
    std::string value = {};
    std::string text = {};
    std::vector<std::string> choices = {};
    /// The value without the option, as shown in help; empty if there is nothing to say.
    std::string fallback = {};
    bool required = false;
    /// May be given several times, each of which counts.
    bool repeats = false;

    [[nodiscard]] bool is_operand() const { return names.front().front() != '-'; }
};

/// Options that belong together in help.
struct option_group {
    std::string title;
    std::vector<option_page> options;
};

struct example_page {
    std::string meaning;
    std::string command;
};

struct exit_page {
    int code;
    std::string meaning;
};

/// A titled piece of text, as "Endpoints", with indented terms.
struct topic_page {
    struct entry {
        std::string term;
        std::string text;
    };
    std::string title;
    std::vector<std::string> paragraphs = {};
    std::vector<entry> entries = {};
    /// Whether it is too much for --help, and stands in the manual and in its own help only.
    bool is_long = false;
};

/// All there is to say about a command: help, the man page and the shell completions are made of
/// it.
struct command_page {
    /// Names from the program down: "runnel", "bench", "echo".
    std::vector<std::string> path = {};
    std::string summary = {};
    std::vector<std::string> paragraphs = {};
    std::vector<option_page> operands = {};
    std::vector<option_group> groups = {};
    std::vector<topic_page> topics = {};
    std::vector<example_page> examples = {};
    std::vector<exit_page> exits = {};
    std::vector<command_page> commands = {};

    [[nodiscard]] const std::string& name() const { return path.back(); }
};

/// The path as typed: "runnel bench echo".
[[nodiscard]] std::string full_name(const command_page& page);

/// The line behind "Usage:": "runnel relay [OPTIONS] A B".
[[nodiscard]] std::string synopsis(const command_page& page);

/// Names and value of an option as help shows them: "-l, --listen", "--size BYTES".
[[nodiscard]] std::string option_term(const option_page& option);

/// What an option does, with its choices and default behind it, as one line of text.
[[nodiscard]] std::string option_text(const option_page& option);

} // namespace runnel::inline v0::program
