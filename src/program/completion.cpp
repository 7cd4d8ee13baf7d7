// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include "command.hpp"

#include "runnel/flow/scheme.hpp"

namespace runnel::inline v0::program {
namespace {

enum class shell : std::uint8_t { bash, zsh, fish };

class completion_command final : public command {
public:
    completion_command() : command("completion", "print a script that completes command lines") {}

    void declare(option_set& options) override {
        options.describe("Prints a script for your shell that completes commands, options, their "
                         "values and endpoints. It is made of what the command line parser knows.");
        options.choice<shell, shell>(
            "SHELL", "SHELL", shell_,
            {{"bash", shell::bash}, {"zsh", shell::zsh}, {"fish", shell::fish}},
            "The shell that is to load the script.", "");
        options.example(
            "In bash, now and for every shell to come:",
            "runnel completion bash > ~/.local/share/bash-completion/completions/runnel");
        options.example("In zsh, in a folder of $fpath:",
                        "runnel completion zsh > ~/.zfunc/_runnel");
        options.example("In fish:",
                        "runnel completion fish > ~/.config/fish/completions/runnel.fish");
        options.exit(exit_ok, "printed");
        options.exit(exit_usage, "no such shell");
    }

    int run(const session& session) override {
        switch (shell_) {
        case shell::bash:
            return session.print(bash_completion(session.program));
        case shell::zsh:
            return session.print(zsh_completion(session.program));
        case shell::fish:
            break;
        }
        return session.print(fish_completion(session.program));
    }

private:
    shell shell_ = shell::bash;
};

} // namespace

std::unique_ptr<command> make_completion_command() {
    return std::make_unique<completion_command>();
}

void for_each_page(const command_page& page,
                   const std::function<void(const command_page&)>& visit) {
    visit(page);
    for (const command_page& below : page.commands) {
        for_each_page(below, visit);
    }
}

void for_each_option(const command_page& page,
                     const std::function<void(const option_page&)>& visit) {
    for (const option_group& group : page.groups) {
        for (const option_page& option : group.options) {
            visit(option);
        }
    }
}

std::string first_sentence(std::string_view text) {
    std::size_t end = text.find(". ");
    if (end == std::string_view::npos && text.ends_with('.')) {
        end = text.size() - 1;
    }
    return std::string(text.substr(0, end));
}

std::string shell_quote(std::string_view text, bool fish) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += fish ? "\\'" : "'\\''";
        } else if (c == '\\' && fish) {
            out += "\\\\";
        } else {
            out += c;
        }
    }
    return out + "'";
}

endpoint_prefixes known_endpoint_prefixes() {
    endpoint_prefixes known;
    for (const scheme_info* scheme : all_schemes()) {
        switch (scheme->form) {
        case scheme_form::layer:
            known.all.push_back(scheme->name + "+");
            break;
        case scheme_form::host_port:
        case scheme_form::id_port:
            known.all.push_back(scheme->name + "://");
            break;
        case scheme_form::path:
            known.paths.push_back(scheme->name + ":");
            [[fallthrough]];
        case scheme_form::text:
        case scheme_form::number:
        case scheme_form::nothing:
            known.all.push_back(scheme->name + ":");
            break;
        }
    }
    return known;
}

} // namespace runnel::inline v0::program
