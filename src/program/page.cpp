// SPDX-License-Identifier: Apache-2.0
#include "page.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace runnel::inline v0::program {

std::string full_name(const command_page& page) {
    return fmt::format("{}", fmt::join(page.path, " "));
}

std::string synopsis(const command_page& page) {
    std::string line = full_name(page) + " [OPTIONS]";
    for (const option_page& operand : page.operands) {
        line +=
            fmt::format(fmt::runtime(operand.required ? " {}" : " [{}]"), operand.names.front());
    }
    if (!page.commands.empty()) {
        line += " COMMAND ...";
    }
    return line;
}

std::string option_term(const option_page& option) {
    std::string term = fmt::format("{}", fmt::join(option.names, ", "));
    if (!option.is_operand() && option.kind != value_kind::none) {
        term += " " + option.value;
    }
    return term;
}

std::string option_text(const option_page& option) {
    std::string text = option.text;
    if (!option.choices.empty()) {
        text += fmt::format(" One of: {}.", fmt::join(option.choices, ", "));
    }
    if (!option.fallback.empty()) {
        text += fmt::format(" Default: {}.", option.fallback);
    }
    return text;
}

} // namespace runnel::inline v0::program
