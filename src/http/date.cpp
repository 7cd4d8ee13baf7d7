// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/date.hpp"

#include "character.hpp"

#include <algorithm>
#include <cstddef>

namespace runnel::inline v0::http {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Takes the parts of a date off the front of a text. What does not fit makes all of it wrong.
class date_reader {
public:
    explicit date_reader(std::string_view text) noexcept : rest_(text) {}

    void literal(std::string_view expected) noexcept {
        good_ = good_ && rest_.starts_with(expected);
        advance(expected.size());
    }
    int number(std::size_t digits) noexcept {
        int value = 0;
        for (const char c : rest_.substr(0, digits)) {
            good_ = good_ && is_digit(c);
            value = value * 10 + (c - '0');
        }
        advance(digits);
        return value;
    }
    /// The number of a name in a table, all or the first `size` characters of it.
    template <std::size_t Count>
    unsigned name(const std::array<std::string_view, Count>& table, std::size_t size) noexcept {
        for (unsigned index = 0; index < Count; ++index) {
            const std::string_view whole = table[index].substr(0, size);
            if (rest_.starts_with(whole)) {
                advance(whole.size());
                return index;
            }
        }
        good_ = false;
        return 0;
    }
    void time() noexcept {
        hour_ = number(2);
        literal(":");
        minute_ = number(2);
        literal(":");
        second_ = number(2);
    }
    void date(unsigned weekday, int year, unsigned month, int day) noexcept {
        weekday_ = weekday;
        date_ = {std::chrono::year(year), std::chrono::month(month + 1),
                 std::chrono::day(static_cast<unsigned>(std::clamp(day, 0, 99)))};
    }

    /// The moment, if everything fitted, nothing is left and there is such a moment.
    [[nodiscard]] std::optional<sys_seconds> moment() const noexcept {
        if (!good_ || !rest_.empty() || !date_.ok() || date_.year() < std::chrono::year(1) ||
            hour_ > 23 || minute_ > 59 || second_ > 60 ||
            std::chrono::weekday(sys_days(date_)).c_encoding() != weekday_) {
            return std::nullopt;
        }
        // There is no leap second in this count.
        return sys_days(date_) + hours(hour_) + minutes(minute_) + seconds(std::min(second_, 59));
    }

private:
    void advance(std::size_t count) noexcept {
        good_ = good_ && rest_.size() >= count;
        rest_.remove_prefix(std::min(count, rest_.size()));
    }

    std::string_view rest_;
    bool good_ = true;
    int hour_ = 0;
    int minute_ = 0;
    int second_ = 0;
    unsigned weekday_ = 0;
    year_month_day date_{};
};

/// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<sys_seconds> parse_fixed(std::string_view text) noexcept {
    date_reader from(text);
    const unsigned weekday = from.name(weekdays, 3);
    from.literal(", ");
    const int day = from.number(2);
    from.literal(" ");
    const unsigned month = from.name(months, 3);
    from.literal(" ");
    const int year = from.number(4);
    from.date(weekday, year, month, day);
    from.literal(" ");
    from.time();
    from.literal(" GMT");
    return from.moment();
}

/// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<sys_seconds> parse_rfc850(std::string_view text) noexcept {
    date_reader from(text);
    const unsigned weekday = from.name(weekdays, std::string_view::npos);
    from.literal(", ");
    const int day = from.number(2);
    from.literal("-");
    const unsigned month = from.name(months, 3);
    from.literal("-");
    const int year = from.number(2);
    from.date(weekday, year < 70 ? 2000 + year : 1900 + year, month, day);
    from.literal(" ");
    from.time();
    from.literal(" GMT");
    return from.moment();
}

/// Sun Nov  6 08:49:37 1994
std::optional<sys_seconds> parse_asctime(std::string_view text) noexcept {
    date_reader from(text);
    const unsigned weekday = from.name(weekdays, 3);
    from.literal(" ");
    const unsigned month = from.name(months, 3);
    from.literal(" ");
    const bool one_digit = text.size() > 8 && text[8] == ' ';
    if (one_digit) {
        from.literal(" ");
    }
    const int day = from.number(one_digit ? 1 : 2);
    from.literal(" ");
    from.time();
    from.literal(" ");
    from.date(weekday, from.number(4), month, day);
    return from.moment();
}

char* put(char* to, std::string_view text) noexcept {
    return std::copy(text.begin(), text.end(), to);
}

char* put(char* to, int value, int digits) noexcept {
    for (int at = digits - 1; at >= 0; --at) {
        to[at] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    return to + digits;
}

} // namespace

date_text::date_text(sys_seconds moment) noexcept : text_{} {
    constexpr sys_seconds first = sys_days(year(1) / January / 1);
    constexpr sys_seconds last = sys_days(year(9999) / December / 31) + hours(24) - seconds(1);
    moment = std::clamp(moment, first, last);
    const sys_days midnight = floor<days>(moment);
    const year_month_day date(midnight);
    const hh_mm_ss time(moment - midnight);
    char* to = put(text_.data(), weekdays[weekday(midnight).c_encoding()].substr(0, 3));
    to = put(put(to, ", "), static_cast<int>(static_cast<unsigned>(date.day())), 2);
    to = put(put(to, " "), months[static_cast<unsigned>(date.month()) - 1]);
    to = put(put(to, " "), static_cast<int>(date.year()), 4);
    to = put(put(to, " "), static_cast<int>(time.hours().count()), 2);
    to = put(put(to, ":"), static_cast<int>(time.minutes().count()), 2);
    to = put(put(to, ":"), static_cast<int>(time.seconds().count()), 2);
    put(to, " GMT");
}

std::optional<sys_seconds> parse_date(std::string_view text) noexcept {
    if (const auto moment = parse_fixed(text)) {
        return moment;
    }
    if (const auto moment = parse_rfc850(text)) {
        return moment;
    }
    return parse_asctime(text);
}

} // namespace runnel::inline v0::http
