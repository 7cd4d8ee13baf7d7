// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/hosts_table.hpp"

#include "text_lines.hpp"

#include <algorithm>
#include <tuple>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t longest_name = 254;

std::string normal_form(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

} // namespace

hosts_table hosts_table::parse(std::string_view text) {
    hosts_table table;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = take_until(text, "\n");
        line = take_until(line, "#");
        const auto address = ip_address::parse(take_word(line));
        if (!address) {
            continue;
        }
        for (auto name = take_word(line); !name.empty(); name = take_word(line)) {
            if (name.size() <= longest_name && table.entries_.size() < most_entries) {
                table.entries_.push_back({normal_form(name), number, *address});
            }
        }
    }
    std::ranges::sort(table.entries_, [](const entry& a, const entry& b) {
        return std::tie(a.name, a.line) < std::tie(b.name, b.line);
    });
    return table;
}

std::vector<ip_address> hosts_table::find(std::string_view name) const {
    std::vector<ip_address> addresses;
    const std::string wanted = normal_form(name);
    for (const entry& found : std::ranges::equal_range(entries_, wanted, {}, &entry::name)) {
        if (addresses.size() == most_addresses) {
            break;
        }
        if (std::ranges::find(addresses, found.address) == addresses.end()) {
            addresses.push_back(found.address);
        }
    }
    return addresses;
}

} // namespace runnel::inline v0
