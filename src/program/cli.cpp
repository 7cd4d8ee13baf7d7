// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"

#include "help.hpp"
#include "places.hpp"

#include "runnel/flow/suggest.hpp"
#include "runnel/host/dns.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

/// Adds options to CLI11 as they are added to the page.
class cli11_options final : public option_set {
public:
    cli11_options(CLI::App& app, command_page& page) : option_set(page), app_(app) {}

protected:
    void declare(const option_page& option, reader read) override {
        const std::string names = fmt::format("{}", fmt::join(option.names, ","));
        const std::string name = option.names.back();
        if (option.kind == value_kind::none) {
            app_.add_flag_callback(names, [read = std::move(read)] { (void)read({}); });
            return;
        }
        const auto convert = [read = std::move(read), name](const std::string& given) {
            const result<void> done = read(given);
            if (!done) {
                throw CLI::ValidationError(name, std::string(done.error().text()));
            }
        };
        if (option.repeats) {
            app_.add_option_function<std::vector<std::string>>(
                    names,
                    [convert](const std::vector<std::string>& all) {
                        std::ranges::for_each(all, convert);
                    })
                ->required(option.required)
                ->expected(1)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
            return;
        }
        app_.add_option_function<std::string>(names, convert)
            ->required(option.required)
            ->take_last();
    }

private:
    CLI::App& app_;
};

result<void> read_stack_file(const std::string& path,
                             std::vector<stack::stack_definition>& stacks) {
    constexpr std::size_t most = std::size_t{64} * 1024;
    std::ifstream file(path);
    std::string text(most + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || !file.is_open()) {
        return fail(errc::invalid_argument, fmt::format("'{}' cannot be read", printable(path)));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > most) {
        return fail(errc::invalid_argument, fmt::format("'{}' is too large", printable(path)));
    }
    auto all = stack::stack_definition::parse_all(text);
    if (!all) {
        return fail(all.error().wrap(printable(path)));
    }
    std::ranges::move(*all, std::back_inserter(stacks));
    return {};
}

void declare_globals(option_set& options, global_options& globals) {
    options.group("Global options");
    options.choice<backend_kind, backend_kind>(
        "--backend", "NAME", globals.backend,
        {{"auto", backend_kind::automatic},
         {"io_uring", backend_kind::io_uring},
         {"epoll", backend_kind::epoll}},
        "How to talk to the kernel; 'runnel info' says what it offers.", "auto");
    options.choice<color_mode, color_mode>("--color", "WHEN", globals.color,
                                           {{"auto", color_mode::automatic},
                                            {"always", color_mode::always},
                                            {"never", color_mode::never}},
                                           "Colours in the output; auto: on a terminal, unless "
                                           "NO_COLOR is set.",
                                           "auto");
    option_page lookup{.names = {"--resolver"}, .kind = value_kind::text, .value = "RESOLVER"};
    lookup.text = "How names of hosts are looked up: system, as every program of this system does; "
                  "dns, by asking its name servers directly; or by asking others, as in "
                  "dns://1.1.1.1 or dns+tcp://[2001:db8::53]:5353, several between commas.";
    lookup.fallback = "system";
    options.add(std::move(lookup), [&globals](std::string_view given) -> result<void> {
        auto made = host::make_resolver(given);
        if (!made) {
            return fail(made.error());
        }
        globals.names = std::move(*made);
        return {};
    });
    option_page stacks{.names = {"--stack"}, .kind = value_kind::text, .value = "NAME=LINK"};
    stacks.text =
        "A TCP/IP stack of this program's own, for endpoints with stack=NAME: a link (tap:DEVICE, "
        "tun:DEVICE, packet:INTERFACE, qemu:PATH, qemu-connect:PATH, qemu-dgram:PATH or "
        "memory:NAME) and settings, as in lan=tap:rn0,address=10.77.0.2/24. Settings: address "
        "(several), gateway, mtu, cc (cubic, new_reno, bbr), capture (a file for its packets), "
        "status (a socket for 'runnel stack'), peer (of qemu-dgram), offload=off, multi-queue=on, "
        "and of what it sends, loss=1%, delay=20ms and rate=100Mbit.";
    stacks.repeats = true;
    options.add(std::move(stacks), [&globals](std::string_view given) -> result<void> {
        auto made = stack::stack_definition::parse(given);
        if (!made) {
            return fail(made.error());
        }
        globals.stacks.push_back(std::move(*made));
        return {};
    });
    option_page file{.names = {"--stack-file"}, .kind = value_kind::file, .value = "FILE"};
    file.text =
        "Stacks from a file: one a line, as --stack takes them. Lines that begin with white "
        "space go on with settings, and those with a # say nothing.";
    options.add(std::move(file), [&globals](std::string_view given) {
        return read_stack_file(std::string(given), globals.stacks);
    });
}

/// The option of CLI11's own, on the page.
void add_page_option(command_page& page, option_page option) {
    page.groups.back().options.push_back(std::move(option));
}

bool is_option(const std::string& argument) {
    return argument.size() > 1 && argument.front() == '-';
}

/// Why an argument fits nowhere.
std::string unexpected(const std::string& argument, const command_page& page) {
    if (is_option(argument)) {
        const std::string name = argument.substr(0, argument.find('='));
        std::vector<std::string_view> known;
        for (const option_group& group : page.groups) {
            for (const option_page& option : group.options) {
                known.insert(known.end(), option.names.begin(), option.names.end());
            }
        }
        return fmt::format("unknown option '{}'{}", name, did_you_mean(name, known));
    }
    if (!page.commands.empty()) {
        std::vector<std::string_view> known;
        for (const command_page& command : page.commands) {
            known.emplace_back(command.name());
        }
        return fmt::format("unknown command '{}'{}", argument, did_you_mean(argument, known));
    }
    return fmt::format("unexpected argument '{}'", argument);
}

} // namespace

struct command_line::implementation {
    /// What belongs to one command: CLI11's part, ours, and its page.
    struct node {
        CLI::App* app;
        program::command* command; // null: the program itself
        command_page* page;
    };

    std::vector<std::unique_ptr<command>> commands;
    CLI::App app;
    command_page page;
    global_options globals;
    std::deque<cli11_options> options; // readers refer to the commands, not to these
    std::vector<node> nodes;

    void build(node at, const std::vector<command*>& parts);
    [[nodiscard]] node deepest() const;
    [[nodiscard]] std::string explain(const CLI::ParseError& what, const node& at) const;
};

void command_line::implementation::build(node at, const std::vector<command*>& parts) {
    cli11_options& set = options.emplace_back(*at.app, *at.page);
    if (at.command != nullptr) {
        at.command->declare(set);
    }
    declare_globals(set, globals);
    at.app->set_help_flag("-h,--help");
    add_page_option(*at.page, {.names = {"-h", "--help"}, .text = "Show this help."});
    nodes.push_back(at);
    if (parts.empty()) {
        return;
    }
    at.app->require_subcommand(1);
    at.page->commands.reserve(parts.size()); // nodes point to them
    for (command* part : parts) {
        command_page& below = at.page->commands.emplace_back();
        below.path = at.page->path;
        below.path.push_back(part->name());
        below.summary = part->summary();
        CLI::App* app_below = at.app->add_subcommand(part->name(), part->summary());
        build({app_below, part, &below}, part->parts());
    }
}

/// The node of the command named last.
command_line::implementation::node command_line::implementation::deepest() const {
    node found = nodes.front();
    for (const node& each : nodes) { // parents come first
        if (each.app->parsed()) {
            found = each;
        }
    }
    return found;
}

std::string command_line::implementation::explain(const CLI::ParseError& what,
                                                  const node& at) const {
    const std::vector<std::string> left = app.remaining(true);
    const auto stray = std::ranges::find_if(left, [](const auto& each) { return each != "--"; });
    if (stray != left.end() && what.get_name() != "ValidationError") {
        return unexpected(*stray, *at.page);
    }
    if (what.get_name() == "RequiredError") {
        if (!at.page->commands.empty()) {
            return "a command is missing";
        }
        for (const option_page& operand : at.page->operands) {
            if (at.app->count(operand.names.front()) == 0) {
                return fmt::format("{} is missing", operand.names.front());
            }
        }
    }
    return what.what();
}

command_line::command_line(std::vector<std::unique_ptr<command>> commands)
    : self_(std::make_unique<implementation>()) {
    self_->commands = std::move(commands);
    command_page& page = self_->page;
    page.path = {"runnel"};
    page.summary = "one reliable byte stream over every transport";
    page.paragraphs = {
        "Joins, serves, moves and measures byte streams. An endpoint says where a stream leads: a "
        "TCP or Unix socket, a program, a file, a descriptor. Any command works with any of them."};
    page.examples = {{"Serve many at once, each joined to a connection of its own:",
                      "runnel relay --listen tcp://127.0.0.1:9000 tcp://127.0.0.1:9001"},
                     {"Talk to a Unix socket from the shell:", "runnel relay - unix:/run/app.sock"},
                     {"Send a file to another machine, with progress and a hash:",
                      "runnel recv --listen tcp://:9000 copy.iso   # there\n"
                      "    runnel send image.iso tcp://there:9000      # here"},
                     {"See what this machine can do:", "runnel info"}};
    page.topics = {endpoint_topic(), parameter_topic()};
    page.exits = {{exit_ok, "it worked"},
                  {exit_failed, "it failed; one line on standard error says why"},
                  {exit_usage, "the command line is wrong"},
                  {exit_partial, "part of it was done, as each command says"},
                  {exit_interrupted, "ended by a signal"}};
    std::vector<command*> parts;
    for (const auto& each : self_->commands) {
        parts.push_back(each.get());
    }
    self_->build({&self_->app, nullptr, &page}, parts);
    self_->app.set_version_flag("--version", std::string());
    add_page_option(page, {.names = {"--version"}, .text = "Show the version."});
}

command_line::~command_line() = default;

const command_page& command_line::page() const noexcept {
    return self_->page;
}

const global_options& command_line::globals() const noexcept {
    return self_->globals;
}

request command_line::parse(std::span<const std::string> arguments) {
    request asked;
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
        self_->app.parse(std::move(reversed));
        asked.what = request::kind::run;
    } catch (const CLI::CallForHelp&) {
        asked.what = request::kind::help;
    } catch (const CLI::CallForVersion&) {
        asked.what = request::kind::version;
    } catch (const CLI::ParseError& what) {
        asked.mistake = self_->explain(what, self_->deepest());
    }
    const auto at = self_->deepest();
    asked.page = at.page;
    asked.command = asked.what == request::kind::run ? at.command : nullptr;
    return asked;
}

int run_program(std::span<const std::string> arguments) {
    command_line line(all_commands());
    const request asked = line.parse(arguments);
    const color_mode color = line.globals().color;
    const session session{line.page(), *asked.page, line.globals(), terminal(STDOUT_FILENO, color),
                          terminal(STDERR_FILENO, color)};
    switch (asked.what) {
    case request::kind::run:
        if (line.globals().names != nullptr) {
            look_names_up_by(line.globals().names);
        }
        for (const stack::stack_definition& one : line.globals().stacks) {
            if (const auto defined = define_stack(one); !defined) {
                return session.usage_error(defined.error().text());
            }
        }
        return asked.command->run(session);
    case request::kind::help:
        return session.print(render_help(*asked.page, session.out));
    case request::kind::version:
        return session.print(fmt::format("runnel {}\n", RUNNEL_VERSION));
    case request::kind::mistake:
        break;
    }
    return session.usage_error(asked.mistake);
}

} // namespace runnel::inline v0::program
