// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::stack {

/// Rows under named columns. A name that ends with `_bytes`, `_ns` or `_bytes_per_s` says what its
/// numbers count; all other cells are words.
struct status_table {
    std::string name;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows; // each as long as `columns`
};

/// How a stack stands at a moment, in tables, so that whoever shows them need not know what a
/// later version adds.
struct stack_status {
    /// Flows that are told of; the counter of connections knows of more.
    static constexpr std::size_t max_flows = 1000;
    /// What `parse` takes.
    static constexpr std::size_t max_text = std::size_t{4} * 1024 * 1024;

    std::string name; ///< of the stack
    std::vector<status_table> tables;

    /// Lines with tabs between cells; "[name]" in front of the columns begins a table.
    [[nodiscard]] std::string to_string() const;
    /// Reads that. Errors: `protocol_error`.
    [[nodiscard]] static result<stack_status> parse(std::string_view text);
};

/// Addresses, neighbours, routes, links, flows and counters of a stack.
[[nodiscard]] stack_status status_of(ip_stack& stack, std::string_view name);

/// Tells whoever connects to the Unix socket `path` how the stack stands, as text, and closes the
/// connection. The socket is for this user alone, replaces what nobody listens at any more, and is
/// removed when the stack goes. Where a stack of this process has the path already, as on another
/// loop, a number is put behind it: ".2" and so on. Errors: those of Unix sockets.
[[nodiscard]] result<void> offer_status(ip_stack& stack, std::string_view name,
                                        const std::string& path);

} // namespace runnel::inline v0::stack
