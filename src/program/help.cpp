// SPDX-License-Identifier: Apache-2.0
#include "help.hpp"

#include "wrap.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0::program {
namespace {

/// Lines longer than this are hard to read, however wide the terminal is.
constexpr std::size_t widest = 96;
/// Where the explanation of a term starts.
constexpr std::size_t text_column = 30;

class help_writer {
public:
    explicit help_writer(const terminal& out)
        : out_(out), width_(std::clamp(out.width(), std::size_t{40}, widest)) {}

    void title(std::string_view text) {
        text_ += "\n" + out_.paint(style::bold, fmt::format("{}:", text)) + "\n";
    }
    void paragraph(std::string_view text, std::size_t indent) {
        text_ += wrap(text, indent, width_);
    }
    void line(std::string_view text) {
        text_ += text;
        text_ += '\n';
    }

    /// A term and its explanation beside it, or below a long term.
    void entry(const std::string& term, std::string_view text) {
        const std::string first = "  " + term;
        std::string lines = wrap(text, text_column, width_, first);
        lines.replace(2, term.size(), out_.paint(style::cyan, term));
        text_ += lines;
    }

    void entries(const option_group& group) {
        title(group.title);
        for (const option_page& option : group.options) {
            // Long names stand below each other, also without a short one.
            const bool lone = option.names.size() == 1 && option.names[0].starts_with("--");
            entry((lone ? "    " : "") + option_term(option), option_text(option));
        }
    }

    std::string take() { return std::move(text_); }
    const terminal& out() const { return out_; }

private:
    const terminal& out_;
    std::size_t width_;
    std::string text_;
};

void write_topic(help_writer& help, const topic_page& topic) {
    help.title(topic.title);
    for (const std::string& paragraph : topic.paragraphs) {
        help.paragraph(paragraph, 2);
    }
    for (const topic_page::entry& entry : topic.entries) {
        help.entry(entry.term, entry.text);
    }
}

} // namespace

std::string render_help(const command_page& page, const terminal& out) {
    help_writer help(out);
    help.line(fmt::format("{} - {}", out.paint(style::bold, full_name(page)), page.summary));
    help.line("");
    help.line(fmt::format("{} {}", out.paint(style::bold, "Usage:"), synopsis(page)));
    for (const std::string& paragraph : page.paragraphs) {
        help.line("");
        help.paragraph(paragraph, 0);
    }
    if (!page.commands.empty()) {
        help.title("Commands");
        for (const command_page& command : page.commands) {
            help.entry(command.name(), command.summary);
        }
    }
    if (!page.operands.empty()) {
        help.entries({"Operands", page.operands});
    }
    for (const option_group& group : page.groups) {
        help.entries(group);
    }
    for (const topic_page& topic : page.topics) {
        if (!topic.is_long) {
            write_topic(help, topic);
        }
    }
    if (!page.examples.empty()) {
        help.title("Examples");
        for (const example_page& example : page.examples) {
            help.paragraph(example.meaning, 2);
            help.line("    " + out.paint(style::green, example.command));
        }
    }
    if (!page.exits.empty()) {
        help.title("Exit status");
        for (const exit_page& exit : page.exits) {
            help.entry(fmt::to_string(exit.code), exit.meaning);
        }
    }
    return help.take();
}

std::string render_topics(const std::vector<topic_page>& topics, const terminal& out) {
    help_writer help(out);
    for (const topic_page& topic : topics) {
        write_topic(help, topic);
    }
    return help.take().substr(1); // the empty line in front
}

} // namespace runnel::inline v0::program
