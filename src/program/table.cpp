// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include "wrap.hpp"

#include <algorithm>

namespace runnel::inline v0::program {
namespace {

void append_padded(std::string& line, const std::string& cell, std::size_t width,
                   table::align side) {
    const std::string space(width - columns(cell), ' ');
    line += side == table::align::right ? space + cell : cell + space;
}

std::string trimmed(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

} // namespace

std::string table::render(const terminal& out, std::size_t indent) const {
    std::vector<std::string> titles;
    std::vector<std::size_t> widths;
    for (const column& each : columns_) {
        titles.push_back(each.title);
        widths.push_back(program::columns(each.title));
    }
    for (const auto& cells : rows_) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            widths[i] = std::max(widths[i], program::columns(cells[i]));
        }
    }
    const auto render_row = [&](const std::vector<std::string>& cells) {
        std::string line(indent, ' ');
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            line += i == 0 ? "" : "  ";
            append_padded(line, i < cells.size() ? cells[i] : std::string(), widths[i],
                          columns_[i].side);
        }
        return trimmed(std::move(line));
    };
    std::string text;
    if (std::ranges::any_of(titles, [](const std::string& title) { return !title.empty(); })) {
        text += out.paint(style::bold, render_row(titles)) + "\n";
    }
    for (const auto& cells : rows_) {
        text += render_row(cells) + "\n";
    }
    return text;
}

} // namespace runnel::inline v0::program
