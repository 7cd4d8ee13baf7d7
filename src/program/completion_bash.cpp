// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace runnel::inline v0::program {
namespace {

/// Words are split at white space alone: bash itself would also split endpoints at their colons,
/// and expects answers without what stands before the last of those.
constexpr std::string_view frame = R"(
_runnel() {
    local line=${COMP_LINE:0:COMP_POINT} path=runnel previous="" current="" word
    local commands="" options="" kind="" choices="" prefix=""
    local -a words
    COMPREPLY=()
    read -ra words <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        current=${words[-1]}
        unset 'words[-1]'
    fi
    for word in "${words[@]:1}"; do
        _runnel_page "$path"
        [[ " $commands " != *" $word "* ]] || path+=" $word"
        previous=$word
    done
    _runnel_page "$path"
    if [[ $current == --*=* ]]; then
        previous=${current%%=*}
        prefix=$previous=
        current=${current#*=}
    fi
    local operand=$kind
    kind=""
    _runnel_value "$path $previous"
    if [[ -z $kind ]]; then
        if [[ $current == -?* ]]; then
            choices=$options
        elif [[ -n $commands ]]; then
            choices=$commands
        else
            kind=$operand
        fi
    fi
    case $kind in
    file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    endpoint) _runnel_endpoints ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current") ;;
    esac
    local breaks=""
    for word in : =; do
        [[ $COMP_WORDBREAKS != *$word* ]] || breaks+=$word
    done
    if [[ $breaks != *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
        current=$prefix$current
    fi
    if [[ -n $breaks ]]; then
        word=${current%"${current##*[$breaks]}"}
        COMPREPLY=("${COMPREPLY[@]#"$word"}")
    fi
}

_runnel_endpoints() {
    local scheme path
    compopt -o nospace 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -W "$_runnel_schemes" -- "$current")
    for scheme in $_runnel_path_schemes ''; do
        if [[ $current == "$scheme"* && ( -n $scheme || $current == [./]* ) ]]; then
            while IFS= read -r path; do
                [[ ! -d $path ]] || path+=/
                COMPREPLY+=("$scheme$path")
            done < <(compgen -f -- "${current#"$scheme"}")
        fi
    done
}
)";

std::string names_of(const command_page& page) {
    std::vector<std::string> names;
    for (const command_page& below : page.commands) {
        names.push_back(below.name());
    }
    return fmt::format("{}", fmt::join(names, " "));
}

std::string_view kind_name(value_kind kind) {
    switch (kind) {
    case value_kind::file:
        return "file";
    case value_kind::endpoint:
        return "endpoint";
    default:
        return "choice";
    }
}

/// What completes an operand. An operand of several kinds does not exist, so one stands for all.
std::string operand_part(const command_page& page) {
    std::string kind;
    std::string choices;
    for (const option_page& operand : page.operands) {
        if (kind.empty() || operand.kind == value_kind::file) {
            kind = kind_name(operand.kind);
        }
        choices += fmt::format("{}", fmt::join(operand.choices, " "));
    }
    return fmt::format(" kind={} choices={}", kind, shell_quote(choices));
}

} // namespace

std::string bash_completion(const command_page& program) {
    const endpoint_prefixes prefixes = known_endpoint_prefixes();
    std::string script = "# bash completion of runnel, printed by: runnel completion bash\n";
    script += fmt::format("_runnel_schemes={}\n",
                          shell_quote(fmt::format("{}", fmt::join(prefixes.all, " "))));
    script += fmt::format("_runnel_path_schemes={}\n",
                          shell_quote(fmt::format("{}", fmt::join(prefixes.paths, " "))));
    script += frame;
    std::string pages;
    std::string values;
    for_each_page(program, [&](const command_page& page) {
        std::vector<std::string> options;
        for_each_option(page, [&](const option_page& option) {
            options.insert(options.end(), option.names.begin(), option.names.end());
            if (option.kind == value_kind::none) {
                return;
            }
            std::vector<std::string> cases;
            for (const std::string& name : option.names) {
                cases.push_back(shell_quote(full_name(page) + " " + name));
            }
            values += fmt::format("    {}) kind={} choices={} ;;\n", fmt::join(cases, " | "),
                                  kind_name(option.kind),
                                  shell_quote(fmt::format("{}", fmt::join(option.choices, " "))));
        });
        pages += fmt::format("    {}) commands={} options={}{} ;;\n", shell_quote(full_name(page)),
                             shell_quote(names_of(page)),
                             shell_quote(fmt::format("{}", fmt::join(options, " "))),
                             operand_part(page));
    });
    script += fmt::format("\n_runnel_page() {{\n    case $1 in\n{}    esac\n}}\n", pages);
    script += fmt::format("\n_runnel_value() {{\n    case $1 in\n{}    esac\n}}\n", values);
    script += "\ncomplete -F _runnel runnel\n";
    return script;
}

} // namespace runnel::inline v0::program
