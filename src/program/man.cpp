// SPDX-License-Identifier: Apache-2.0
#include "help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace runnel::inline v0::program {
namespace {

/// Text that groff prints as it is: no escapes, no hyphens for minus signs, no requests.
std::string escape(std::string_view text) {
    std::string out;
    if (text.starts_with('.') || text.starts_with('\'')) {
        out += "\\&";
    }
    for (const char c : text) {
        switch (c) {
        case '\\':
            out += "\\(rs";
            break;
        case '-':
            out += "\\-";
            break;
        case '"':
            out += "\\(dq";
            break;
        case '\'':
            out += "\\(aq";
            break;
        case '^':
            out += "\\(ha";
            break;
        case '~':
            out += "\\(ti";
            break;
        case '`':
            out += "\\(ga";
            break;
        default:
            out += c;
        }
    }
    return out;
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

void write_entry(std::string& man, const std::string& term, const std::string& text) {
    man += fmt::format(".TP\n.B \"{}\"\n{}\n", escape(term), escape(text));
}

void write_options(std::string& man, const std::string& title,
                   const std::vector<option_page>& options) {
    man += fmt::format(".PP\n.B \"{}:\"\n", escape(title));
    for (const option_page& option : options) {
        write_entry(man, option_term(option), option_text(option));
    }
}

void write_paragraphs(std::string& man, const std::vector<std::string>& paragraphs) {
    for (const std::string& paragraph : paragraphs) {
        man += ".PP\n" + escape(paragraph) + "\n";
    }
}

void write_examples(std::string& man, const std::vector<example_page>& examples) {
    for (const example_page& example : examples) {
        man += fmt::format(".PP\n{}\n.PP\n.RS 4\n.nf\n.B \"{}\"\n.fi\n.RE\n",
                           escape(example.meaning), escape(example.command));
    }
}

/// What belongs to one command, in a subsection of its own, and to those below it.
void write_command(std::string& man, const command_page& page,
                   const std::vector<std::string>& shared) {
    man += fmt::format(".SS \"{}\"\n{}\n.PP\n.B \"{}\"\n", escape(full_name(page)),
                       escape(upper(page.summary.substr(0, 1)) + page.summary.substr(1) + "."),
                       escape(synopsis(page)));
    write_paragraphs(man, page.paragraphs);
    if (!page.operands.empty()) {
        write_options(man, "Operands", page.operands);
    }
    for (const option_group& group : page.groups) {
        if (std::ranges::find(shared, group.title) == shared.end()) {
            write_options(man, group.title, group.options);
        }
    }
    for (const topic_page& topic : page.topics) {
        man += fmt::format(".PP\n.B \"{}:\"\n", escape(topic.title));
        write_paragraphs(man, topic.paragraphs);
        for (const topic_page::entry& entry : topic.entries) {
            write_entry(man, entry.term, entry.text);
        }
    }
    if (!page.examples.empty()) {
        man += ".PP\n.B \"Examples:\"\n";
        write_examples(man, page.examples);
    }
    if (!page.exits.empty()) {
        man += ".PP\n.B \"Exit status:\"\n";
        for (const exit_page& exit : page.exits) {
            write_entry(man, fmt::to_string(exit.code), exit.meaning);
        }
    }
    for (const command_page& command : page.commands) {
        write_command(man, command, shared);
    }
}

} // namespace

std::string render_man(const command_page& program, const std::string& version) {
    const std::string& name = program.name();
    std::string man = fmt::format(".TH \"{}\" 1 \"\" \"{} {}\" \"User Commands\"\n",
                                  escape(upper(name)), escape(name), escape(version));
    man += ".nh\n.ad l\n";
    man += fmt::format(".SH NAME\n{} \\- {}\n", escape(name), escape(program.summary));
    man += fmt::format(".SH SYNOPSIS\n.B \"{}\"\n", escape(synopsis(program)));
    man += ".SH DESCRIPTION\n";
    write_paragraphs(man, program.paragraphs);
    man += ".SH OPTIONS\n";
    std::vector<std::string> shared;
    for (const option_group& group : program.groups) {
        shared.push_back(group.title);
        for (const option_page& option : group.options) {
            write_entry(man, option_term(option), option_text(option));
        }
    }
    man += ".SH COMMANDS\n";
    for (const command_page& command : program.commands) {
        write_command(man, command, shared);
    }
    for (const topic_page& topic : program.topics) {
        man += fmt::format(".SH \"{}\"\n", escape(upper(topic.title)));
        write_paragraphs(man, topic.paragraphs);
        for (const topic_page::entry& entry : topic.entries) {
            write_entry(man, entry.term, entry.text);
        }
    }
    man += ".SH \"EXIT STATUS\"\n";
    for (const exit_page& exit : program.exits) {
        write_entry(man, fmt::to_string(exit.code), exit.meaning);
    }
    man += ".SH EXAMPLES\n";
    write_examples(man, program.examples);
    return man;
}

} // namespace runnel::inline v0::program
