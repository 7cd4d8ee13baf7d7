// SPDX-License-Identifier: Apache-2.0
#include "human.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

namespace runnel::inline v0::program {
namespace {

/// Three significant digits of a number below some thousand.
std::string digits(double number) {
    // The borders are where rounding would give a digit more.
    const int decimals = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
    return fmt::format("{:.{}f}", number, decimals);
}

/// `number` in the largest of `units`, each `step` times the one before, in which it is at least 1.
std::string scale(double number, double step, std::span<const char* const> units) {
    std::size_t index = 0;
    while (number >= step - 0.5 && index + 1 < units.size()) {
        number /= step;
        ++index;
    }
    return (index == 0 ? fmt::format("{:.0f}", number) : digits(number)) + units[index];
}

} // namespace

double seconds(duration span) noexcept {
    return std::chrono::duration<double>(span).count();
}

std::string human_bytes(double bytes) {
    static constexpr std::array units{" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    return scale(bytes, 1024, units);
}

std::string human_rate(std::uint64_t bytes, duration span) {
    const double per_second = span.count() > 0 ? static_cast<double>(bytes) / seconds(span) : 0;
    return human_bytes(per_second) + "/s";
}

std::string human_clock(duration span) {
    const auto total = std::chrono::round<std::chrono::seconds>(span).count();
    const auto hours = total / 3600;
    const auto minutes = total / 60 % 60;
    return hours != 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60)
                      : fmt::format("{}:{:02}", minutes, total % 60);
}

std::string human_duration(duration span) {
    if (span >= std::chrono::milliseconds(59'500)) {
        return human_clock(span);
    }
    static constexpr std::array units{" ns", " us", " ms", " s"};
    return scale(static_cast<double>(span.count()), 1000, units);
}

std::string human_count(double count) {
    static constexpr std::array units{"", "k", "M", "G", "T"};
    return scale(count, 1000, units);
}

std::string human_error(const error& what) {
    // The text of these says all there is, and how to mend it.
    if (what.code() == make_error_code(errc::invalid_argument) && !what.text().empty()) {
        return std::string(what.text());
    }
    std::string cause = what.code().message();
    const bool is_acronym = cause.size() > 1 && cause[1] >= 'A' && cause[1] <= 'Z';
    if (!is_acronym && !cause.empty() && cause[0] >= 'A' && cause[0] <= 'Z') {
        cause[0] =
            static_cast<char>(cause[0] - 'A' + 'a'); // as the system writes it: "Is a directory"
    }
    return what.text().empty() ? cause : fmt::format("{}: {}", what.text(), cause);
}

std::string plural(std::uint64_t count, const std::string& thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

} // namespace runnel::inline v0::program
