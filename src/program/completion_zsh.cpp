// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace runnel::inline v0::program {
namespace {

/// Text inside a specification of _arguments, where brackets and colons mean something.
std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

std::string function_name(const command_page& page) {
    return fmt::format("_{}", fmt::join(page.path, "_"));
}

/// Behind the description: what the value is called, and what completes it.
std::string action(const option_page& option) {
    const std::string name = escape(option.is_operand() ? option.names.front() : option.value);
    switch (option.kind) {
    case value_kind::none:
        return {};
    case value_kind::choice:
        return fmt::format(":{}:({})", name, fmt::join(option.choices, " "));
    case value_kind::file:
        return fmt::format(":{}:_files", name);
    case value_kind::endpoint:
        return fmt::format(":{}:_runnel_endpoints", name);
    default:
        return fmt::format(":{}: ", name);
    }
}

std::string option_spec(const option_page& option) {
    const std::string rest =
        fmt::format("[{}]{}", escape(first_sentence(option.text)), action(option));
    std::string spec;
    for (const std::string& name : option.names) {
        const bool with_equals = name.starts_with("--") && option.kind != value_kind::none;
        spec += fmt::format(" \\\n        {}",
                            shell_quote(fmt::format("({}){}{}{}", fmt::join(option.names, " "),
                                                    name, with_equals ? "=" : "", rest)));
    }
    return spec;
}

std::string page_function(const command_page& page) {
    std::string body = fmt::format("\n{}() {{\n", function_name(page));
    if (!page.commands.empty()) {
        body += "    local curcontext=$curcontext state line\n    typeset -A opt_args\n";
    }
    body += fmt::format("    _arguments -s{}", page.commands.empty() ? "" : " -C");
    for_each_option(page, [&](const option_page& option) { body += option_spec(option); });
    std::size_t position = 1;
    for (const option_page& operand : page.operands) {
        body += fmt::format(" \\\n        {}",
                            shell_quote(fmt::format("{}{}", position++, action(operand))));
    }
    if (page.commands.empty()) {
        return body + "\n}\n";
    }
    body += " \\\n        '1: :->command' \\\n        '*:: :->arguments'\n";
    std::string described;
    std::string calls;
    for (const command_page& below : page.commands) {
        described += " " + shell_quote(escape(below.name()) + ":" + below.summary);
        calls += fmt::format("        {}) {} ;;\n", below.name(), function_name(below));
    }
    body += fmt::format("    case $state in\n"
                        "    command)\n"
                        "        local -a commands=({} )\n"
                        "        _describe command commands\n"
                        "        ;;\n"
                        "    arguments)\n"
                        "        case $words[1] in\n{}        esac\n"
                        "        ;;\n"
                        "    esac\n}}\n",
                        described, calls);
    return body;
}

} // namespace

std::string zsh_completion(const command_page& program) {
    const endpoint_prefixes prefixes = known_endpoint_prefixes();
    std::string script = "#compdef runnel\n"
                         "# zsh completion of runnel, printed by: runnel completion zsh\n\n"
                         "_runnel_endpoints() {\n";
    for (const std::string& scheme : prefixes.paths) {
        script +=
            fmt::format("    if compset -P {}; then\n        _files\n        return\n    fi\n",
                        shell_quote(scheme));
    }
    script +=
        fmt::format("    compadd -S '' -- {}\n    _files\n}}\n", fmt::join(prefixes.all, " "));
    for_each_page(program, [&](const command_page& page) { script += page_function(page); });
    // Loaded by the completion system the file is the function's body; sourced, it defines it.
    script += "\nif [[ $funcstack[1] == _runnel ]]; then\n    _runnel \"$@\"\nelse\n"
              "    compdef _runnel runnel\nfi\n";
    return script;
}

} // namespace runnel::inline v0::program
