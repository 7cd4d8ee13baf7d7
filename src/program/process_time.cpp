// SPDX-License-Identifier: Apache-2.0
#include "process_time.hpp"

#include "runnel/flow/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

/// Fields of /proc/PID/stat behind the name of the program, counted from 0 (proc(5)).
constexpr std::size_t user_time = 11;
constexpr std::size_t system_time = 12;

} // namespace

result<duration> parse_processor_time(std::string_view stat, long ticks) {
    // The name stands in parentheses and may hold anything, also spaces and parentheses.
    const std::size_t name_end = stat.rfind(')');
    std::uint64_t sum = 0;
    std::size_t field = 0;
    std::size_t at = name_end == std::string_view::npos ? stat.size() : name_end + 2;
    for (; at < stat.size() && field <= system_time; ++field) {
        const std::size_t end = std::min(stat.find(' ', at), stat.size());
        if (field == user_time || field == system_time) {
            const result<std::uint64_t> time = parse_integer(stat.substr(at, end - at));
            if (!time) {
                return fail(time.error());
            }
            sum += *time;
        }
        at = end + 1;
    }
    if (field <= system_time) {
        return fail(errc::invalid_argument, "expected the fields of /proc/PID/stat");
    }
    return std::chrono::seconds(1) * static_cast<std::int64_t>(sum) / ticks;
}

result<duration> processor_time(std::uint64_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    if (!std::getline(file, line)) {
        return fail(errc::not_found, fmt::format("process {}", pid));
    }
    return parse_processor_time(line, sysconf(_SC_CLK_TCK));
}

} // namespace runnel::inline v0::program
