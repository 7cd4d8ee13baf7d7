// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace runnel::inline v0::program {
namespace {

std::string quote(std::string_view text) {
    return shell_quote(text, true);
}

/// The part of a `complete` command that says what may be written as a value.
std::string arguments(const option_page& option) {
    switch (option.kind) {
    case value_kind::none:
        return {};
    case value_kind::file:
        return " -F";
    case value_kind::endpoint:
        return " -a '(__runnel_endpoints)'";
    default:
        return option.choices.empty()
                   ? std::string()
                   : fmt::format(" -a {}",
                                 quote(fmt::format("{}", fmt::join(option.choices, " "))));
    }
}

std::string option_line(const option_page& option, const std::string& condition) {
    std::string line = fmt::format("complete -c runnel -n {}", condition);
    for (const std::string& name : option.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (option.kind != value_kind::none) {
        line += option.kind == value_kind::file ? " -r" : " -x"; // files come from fish itself
    }
    return line + arguments(option) + " -d " + quote(first_sentence(option.text)) + "\n";
}

std::string page_lines(const command_page& page) {
    const std::string condition = quote("__runnel_at " + full_name(page));
    std::string lines;
    for_each_option(page,
                    [&](const option_page& option) { lines += option_line(option, condition); });
    for (const command_page& below : page.commands) {
        lines += fmt::format("complete -c runnel -n {} -a {} -d {}\n", condition, below.name(),
                             quote(below.summary));
    }
    for (const option_page& operand : page.operands) {
        lines += fmt::format("complete -c runnel -n {}{}\n", condition, arguments(operand));
    }
    return lines;
}

} // namespace

std::string fish_completion(const command_page& program) {
    const endpoint_prefixes prefixes = known_endpoint_prefixes();
    std::string commands;
    std::string pages;
    for_each_page(program, [&](const command_page& page) {
        if (page.path.size() > 1) {
            commands += " " + quote(full_name(page));
        }
        pages += page_lines(page);
    });
    std::string script = "# fish completion of runnel, printed by: runnel completion fish\n\n";
    script += fmt::format("function __runnel_at\n"
                          "    set -l path runnel\n"
                          "    for word in (commandline -opc)[2..-1]\n"
                          "        switch \"$path $word\"\n"
                          "            case{}\n"
                          "                set path \"$path $word\"\n"
                          "        end\n"
                          "    end\n"
                          "    test \"$path\" = \"$argv\"\n"
                          "end\n\n",
                          commands);
    script += fmt::format("function __runnel_endpoints\n"
                          "    string join \\n {}\n"
                          "    set -l word (commandline -ct)\n"
                          "    for scheme in {} ''\n"
                          "        if string match -q -- \"$scheme*\" $word\n"
                          "            set -l path (string replace -- \"$scheme\" '' $word)\n"
                          "            for file in (__fish_complete_path $path)\n"
                          "                echo $scheme$file\n"
                          "            end\n"
                          "        end\n"
                          "    end\n"
                          "end\n\n",
                          fmt::join(prefixes.all, " "), fmt::join(prefixes.paths, " "));
    return script + "complete -c runnel -f\n" + pages;
}

} // namespace runnel::inline v0::program
