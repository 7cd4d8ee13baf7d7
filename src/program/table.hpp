// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "terminal.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// Rows of text under aligned columns.
class table {
public:
    enum class align : std::uint8_t { left, right };
    struct column {
        std::string title;
        align side = align::left;
    };

    explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

    /// Adds a row; missing cells at its end are empty.
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }

    /// The lines, each with `indent` spaces in front. No line of titles if all are empty.
    [[nodiscard]] std::string render(const terminal& out, std::size_t indent = 0) const;

private:
    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace runnel::inline v0::program
