// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page.hpp"
#include "terminal.hpp"

#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// What `--help` of a command prints on this terminal.
[[nodiscard]] std::string render_help(const command_page& page, const terminal& out);

/// What `help endpoints` prints: the topics alone.
[[nodiscard]] std::string render_topics(const std::vector<topic_page>& topics, const terminal& out);

/// The manual page of the whole program, for `man`: groff with the man macros.
[[nodiscard]] std::string render_man(const command_page& program, const std::string& version);

} // namespace runnel::inline v0::program
