// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "help.hpp"

#include "runnel/flow/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace runnel::inline v0::program {
namespace {

class man_command final : public command {
public:
    man_command() : command("man", "print the manual page") {}

    void declare(option_set& options) override {
        options.describe("Prints the manual page of the program, made of the same source as the "
                         "help of all commands.");
        options.example("Read it:", "runnel man | man -l -");
        options.exit(exit_ok, "printed");
    }

    int run(const session& session) override {
        return session.print(render_man(session.program, RUNNEL_VERSION));
    }
};

class help_command final : public command {
public:
    help_command() : command("help", "show the help of a command") {}

    void declare(option_set& options) override {
        options.describe("The same as the option --help of a command. 'runnel help endpoints' "
                         "explains endpoints and all of their parameters.");
        options.example("What can be written behind the question mark of an endpoint?",
                        "runnel help endpoints");
        options.add({.names = {"COMMAND"},
                     .kind = value_kind::text,
                     .text = "The command, and the one below it: bench echo."},
                    [this](std::string_view word) -> result<void> {
                        words_.emplace_back(word);
                        return {};
                    });
        options.add({.names = {"SUBCOMMAND"}, .kind = value_kind::text, .text = "See COMMAND."},
                    [this](std::string_view word) -> result<void> {
                        words_.emplace_back(word);
                        return {};
                    });
        options.exit(exit_ok, "shown");
        options.exit(exit_usage, "no such command");
    }

    int run(const session& session) override {
        if (words_ == std::vector<std::string>{"endpoints"}) {
            return session.print(render_topics(session.program.topics, session.out));
        }
        const command_page* page = &session.program;
        for (const std::string& word : words_) {
            const auto found = std::ranges::find(page->commands, word, &command_page::name);
            if (found == page->commands.end()) {
                std::vector<std::string_view> known;
                for (const command_page& below : page->commands) {
                    known.emplace_back(below.name());
                }
                return session.usage_error(
                    fmt::format("unknown command '{}'{}", word, did_you_mean(word, known)));
            }
            page = &*found;
        }
        return session.print(render_help(*page, session.out));
    }

private:
    std::vector<std::string> words_;
};

} // namespace

std::unique_ptr<command> make_man_command() {
    return std::make_unique<man_command>();
}

std::unique_ptr<command> make_help_command() {
    return std::make_unique<help_command>();
}

} // namespace runnel::inline v0::program
