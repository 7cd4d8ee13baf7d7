// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {

/// Scripts that complete command lines of the program, for each shell's own way to load them.
[[nodiscard]] std::string bash_completion(const command_page& program);
[[nodiscard]] std::string zsh_completion(const command_page& program);
[[nodiscard]] std::string fish_completion(const command_page& program);

// What the three have in common.

/// Calls `visit` for a page and all below it, parents first.
void for_each_page(const command_page& page, const std::function<void(const command_page&)>& visit);

/// Calls `visit` for each option of a page, not its operands.
void for_each_option(const command_page& page,
                     const std::function<void(const option_page&)>& visit);

/// The text up to the first full stop that ends a sentence, without it.
[[nodiscard]] std::string first_sentence(std::string_view text);

/// A word for a shell, in single quotes. In fish a backslash escapes inside of them.
[[nodiscard]] std::string shell_quote(std::string_view text, bool fish = false);

/// How endpoints begin, one for each known scheme, and of those the ones that a path follows.
struct endpoint_prefixes {
    std::vector<std::string> all = {};
    std::vector<std::string> paths = {};
};
[[nodiscard]] endpoint_prefixes known_endpoint_prefixes();

} // namespace runnel::inline v0::program
