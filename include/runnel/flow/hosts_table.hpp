// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_address.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// The names and addresses of /etc/hosts.
class hosts_table {
public:
    /// Most pairs of a name and an address that are kept. The longest lists that people use to
    /// block advertisements have some hundred thousand.
    static constexpr std::size_t most_entries = std::size_t{1} << 20U;
    /// Most addresses that one name has.
    static constexpr std::size_t most_addresses = 64;

    hosts_table() = default;

    /// Reads the text of such a file: lines of an address and one or more names, `#` begins a
    /// comment. Never fails: lines without a proper address, and names longer than 254 bytes, are
    /// skipped.
    [[nodiscard]] static hosts_table parse(std::string_view text);

    /// All addresses of a name in the order of the file; empty for an unknown name. Upper and lower
    /// case, and a dot at the end, make no difference.
    [[nodiscard]] std::vector<ip_address> find(std::string_view name) const;

    /// The number of pairs of a name and an address.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::string name; // in lower case
        std::size_t line = 0;
        ip_address address;
    };

    std::vector<entry> entries_; // by name and line
};

} // namespace runnel::inline v0
