// SPDX-License-Identifier: Apache-2.0
// What a process says of its stacks, read by another one.
#include "runnel/core/check.hpp"
#include "runnel/stack/stack_status.hpp"

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace runnel;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto status = stack::stack_status::parse(text);
    if (!status) {
        return 0;
    }
    for (const stack::status_table& table : status->tables) {
        for (const auto& row : table.rows) {
            check(row.size() == table.columns.size(), "rows fit their table");
        }
    }
    const auto again = stack::stack_status::parse(status->to_string());
    check(again && again->to_string() == status->to_string(), "what is written can be read");
    return 0;
}
