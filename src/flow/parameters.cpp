// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/parameters.hpp"

#include "endpoint_error.hpp"
#include "quote.hpp"
#include "runnel/flow/percent.hpp"
#include "runnel/flow/quantity.hpp"
#include "runnel/flow/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0 {
namespace {

using std::chrono::nanoseconds;

constexpr bool is_name_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

std::string show(std::uint64_t number) {
    return fmt::format("{}", number);
}

constexpr bool is_unbounded(std::uint64_t most) noexcept {
    return most == std::numeric_limits<std::uint64_t>::max();
}

constexpr bool is_unbounded(nanoseconds most) noexcept {
    return most == nanoseconds::max();
}

/// "64 to 1024", or "at least 64" where there is no upper bound.
template <class T, class Show>
std::string range(T least, T most, Show format) {
    return is_unbounded(most) ? fmt::format("at least {}", format(least))
                              : fmt::format("{} to {}", format(least), format(most));
}

/// `value` if it parsed and lies within the bounds, else an error about `where`.
template <class T, class Show>
result<T> within(const parameter& where, result<T> value, T least, T most, Show format) {
    if (!value) {
        return fail(where.bad(value.error().text()));
    }
    if (*value < least || *value > most) {
        return fail(where.bad(
            fmt::format("{} is out of range ({})", format(*value), range(least, most, format))));
    }
    return value;
}

/// Undoes the percent-encoding of the part of `source` between two offsets.
result<std::string> decode(std::string_view source, std::size_t begin, std::size_t end) {
    auto decoded = percent_decode(source.substr(begin, end - begin));
    if (!decoded) {
        return fail(endpoint_error(source, begin + decoded.error(),
                                   "expected two hexadecimal digits after '%'; a percent sign is "
                                   "written %25"));
    }
    if (decoded->find('\0') != std::string::npos) {
        return fail(endpoint_error(source, begin, "a NUL character is not allowed here"));
    }
    return std::move(*decoded);
}

} // namespace

error parameter::bad(std::string_view what) const {
    const std::size_t offset = has_value_ ? value_at_ : name_at_;
    return endpoint_error(*source_, offset, fmt::format("parameter {}: {}", quote(name_), what));
}

result<bool> parameter::flag() const {
    if (!has_value_ || text_ == "yes" || text_ == "on" || text_ == "true" || text_ == "1") {
        return true;
    }
    if (text_ == "no" || text_ == "off" || text_ == "false" || text_ == "0") {
        return false;
    }
    return fail(bad(fmt::format("expected yes or no, got {}", quote(text_))));
}

result<std::uint64_t> parameter::integer(std::uint64_t least, std::uint64_t most) const {
    return within(*this, parse_integer(text_), least, most, show);
}

result<std::uint64_t> parameter::bytes(std::uint64_t least, std::uint64_t most) const {
    return within(*this, parse_bytes(text_), least, most, format_bytes);
}

result<nanoseconds> parameter::duration(nanoseconds least, nanoseconds most) const {
    return within(*this, parse_duration(text_), least, most, format_duration);
}

result<std::vector<nanoseconds>> parameter::durations(std::size_t fewest,
                                                      std::size_t longest) const {
    const std::vector<parameter> elements = items();
    if (elements.size() < fewest || elements.size() > longest) {
        return fail(bad(fmt::format("expected {} durations, got {}",
                                    fewest == longest ? show(fewest)
                                                      : range<std::uint64_t>(fewest, longest, show),
                                    elements.size())));
    }
    std::vector<nanoseconds> list;
    for (const parameter& element : elements) {
        const auto value = element.duration();
        if (!value) {
            return fail(value.error());
        }
        list.push_back(*value);
    }
    return list;
}

std::vector<parameter> parameter::items() const {
    std::vector<parameter> list;
    if (!has_value_) {
        return list;
    }
    const std::string_view raw = std::string_view(*source_).substr(value_at_, value_size_);
    for (std::size_t begin = 0; begin <= raw.size();) {
        const std::size_t end = std::min(raw.find(',', begin), raw.size());
        parameter element = *this;
        element.value_at_ = value_at_ + begin;
        element.value_size_ = end - begin;
        // The whole value was decoded before, so a part of it between commas decodes too.
        element.text_ = *percent_decode(raw.substr(begin, end - begin));
        list.push_back(std::move(element));
        begin = end + 1;
    }
    return list;
}

result<parameter> parameter::parse(std::shared_ptr<const std::string> source, std::size_t begin,
                                   std::size_t end) {
    const std::string_view whole = *source;
    const std::string_view raw = whole.substr(begin, end - begin);
    const std::size_t name_size = std::min(raw.find('='), raw.size());
    const std::string_view name = raw.substr(0, name_size);
    const auto bad = std::ranges::find_if_not(name, is_name_character);
    if (name.empty() || bad != name.end()) {
        const auto offset = begin + static_cast<std::size_t>(bad - name.begin());
        return fail(endpoint_error(
            whole, offset,
            name.empty() ? "expected the name of a parameter"
                         : "expected a letter, digit, '-', '_' or '.' in the name of a parameter"));
    }
    parameter one;
    one.name_ = name;
    one.name_at_ = begin;
    one.has_value_ = name_size < raw.size();
    if (one.has_value_) {
        one.value_at_ = begin + name_size + 1;
        one.value_size_ = end - one.value_at_;
        auto text = decode(whole, one.value_at_, end);
        if (!text) {
            return fail(text.error());
        }
        one.text_ = std::move(*text);
    }
    one.source_ = std::move(source);
    for (std::string_view comma; const parameter& element : one.items()) {
        one.encoded_ += comma;
        one.encoded_ += percent_encode(element.text_, "&,");
        comma = ",";
    }
    return one;
}

result<parameters> parameters::parse(const std::shared_ptr<const std::string>& source,
                                     std::size_t offset) {
    parameters list;
    const std::string_view whole = *source;
    // A lone question mark has no parameters.
    for (std::size_t begin = offset; offset < whole.size() && begin <= whole.size();) {
        const std::size_t end = std::min(whole.find('&', begin), whole.size());
        auto one = parameter::parse(source, begin, end);
        if (!one) {
            return fail(one.error());
        }
        if (list.find(one->name()) != nullptr) {
            return fail(endpoint_error(
                whole, begin, fmt::format("parameter {} is given twice", quote(one->name()))));
        }
        if (list.size() == most) {
            return fail(endpoint_error(whole, begin, fmt::format("more than {} parameters", most)));
        }
        list.all_.push_back(std::move(*one));
        begin = end + 1;
    }
    return list;
}

const parameter* parameters::find(std::string_view name) const noexcept {
    const auto found = std::ranges::find(all_, name, &parameter::name_);
    return found == all_.end() ? nullptr : &*found;
}

result<void> parameters::check_known(std::span<const std::string_view> known) const {
    for (const parameter& one : all_) {
        if (std::ranges::find(known, one.name()) == known.end()) {
            return fail(endpoint_error(*one.source_, one.name_at_,
                                       fmt::format("unknown parameter {}{}", quote(one.name()),
                                                   did_you_mean(one.name(), known))));
        }
    }
    return {};
}

result<bool> parameters::flag(std::string_view name, bool fallback) const {
    const parameter* one = find(name);
    return one != nullptr ? one->flag() : fallback;
}

result<std::uint64_t> parameters::integer(std::string_view name, std::uint64_t fallback,
                                          std::uint64_t least, std::uint64_t greatest) const {
    const parameter* one = find(name);
    return one != nullptr ? one->integer(least, greatest) : fallback;
}

result<std::uint64_t> parameters::bytes(std::string_view name, std::uint64_t fallback,
                                        std::uint64_t least, std::uint64_t greatest) const {
    const parameter* one = find(name);
    return one != nullptr ? one->bytes(least, greatest) : fallback;
}

result<nanoseconds> parameters::duration(std::string_view name, nanoseconds fallback,
                                         nanoseconds least, nanoseconds greatest) const {
    const parameter* one = find(name);
    return one != nullptr ? one->duration(least, greatest) : fallback;
}

std::string parameters::text(std::string_view name, std::string_view fallback) const {
    const parameter* one = find(name);
    return one != nullptr ? one->text() : std::string(fallback);
}

std::string parameters::to_string() const {
    std::string text;
    for (const parameter& one : all_) {
        text += text.empty() ? '?' : '&';
        text += one.name_;
        if (one.has_value_) {
            text += '=';
            text += one.encoded_;
        }
    }
    return text;
}

} // namespace runnel::inline v0
