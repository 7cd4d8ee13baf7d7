// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/head_parser.hpp"

#include "character.hpp"
#include "scan_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace runnel::inline v0::http {
namespace {

/// Whether a byte of the text is white space, a control character or not ASCII. DEL is not seen.
bool has_unprintable(std::string_view text) noexcept {
    constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
    std::size_t at = 0;
    for (; text.size() - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        if ((((word - ones * 0x21) | word) & ones * 0x80) != 0) {
            return true;
        }
    }
    return std::any_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte >= 0x80;
    });
}

constexpr std::size_t version_size = 8; // HTTP/1.1

constexpr std::size_t window_blocks = 16;

} // namespace

/// Lines that are whole, in one piece, and what their bytes are: classified block by block as far
/// as somebody looks.
class head_parser::lines {
public:
    /// `end` is behind a line feed, and `position` before it.
    lines(const char* base, std::size_t position, std::size_t end) noexcept
        : base_(base), end_(end), classified_(position) {}

    /// The first control character, or the first character that ends a token, from `from` on. There
    /// is one: a line feed is both.
    std::size_t next_control(std::size_t from) noexcept {
        return next<&scan_block::controls>(from);
    }
    std::size_t next_delimiter(std::size_t from) noexcept {
        return next<&scan_block::delimiters>(from);
    }
    [[nodiscard]] char operator[](std::size_t at) const noexcept { return base_[at]; }
    [[nodiscard]] std::string_view text(std::size_t from, std::size_t to) const noexcept {
        return {base_ + from, to - from};
    }
    [[nodiscard]] bool line_ends_at(std::size_t at) const noexcept {
        return base_[at] == '\r' && base_[at + 1] == '\n';
    }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }

private:
    template <std::uint64_t scan_block::* What>
    std::size_t next(std::size_t from) noexcept {
        for (;;) {
            if (from >= classified_) {
                first_ = from;
                classified_ = std::min(end_, from + window_blocks * 64);
                chosen_scan_kernel().classify(base_ + from, classified_ - from, blocks_.data());
            }
            const std::size_t index = (from - first_) / 64;
            const std::uint64_t rest = blocks_[index].*What >> (from - first_) % 64;
            if (rest != 0) {
                return from + static_cast<std::size_t>(std::countr_zero(rest));
            }
            from = first_ + (index + 1) * 64;
        }
    }

    const char* base_;
    std::size_t end_;
    std::size_t first_ = 0;
    std::size_t classified_; // up to here
    std::array<scan_block, window_blocks> blocks_;
};

head_parser::head_parser(kind what, head_limits limits) noexcept : kind_(what), limits_(limits) {
    limits_.head = std::min(limits_.head, head_limits::most_bytes);
    limits_.fields = std::min(limits_.fields, head_limits::most_fields);
    reset();
}

void head_parser::reset() noexcept {
    started_ = kind_ == kind::trailers;
    whole_ = false;
    skipped_ = false;
    position_ = 0;
    searched_ = 0;
    count_ = 0;
}

request_head head_parser::request() const noexcept {
    const std::string_view name = text_of(first_);
    return {.verb = method_of(name),
            .method_name = name,
            .target = text_of(second_),
            .minor = minor_,
            .fields = fields()};
}

response_head head_parser::response() const noexcept {
    return {.code = code_, .reason = text_of(second_), .minor = minor_, .fields = fields()};
}

/// Where the line that comes next has to end, and so what may be looked at.
std::size_t head_parser::line_limit(std::size_t available) const noexcept {
    const std::size_t limit =
        started_ ? limits_.head : std::min(limits_.head, position_ + limits_.line);
    return std::min(available, limit);
}

result<bool> head_parser::parse(std::span<const std::byte> bytes) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    base_ = text.data();
    if (const auto wrong = skip_empty_line(text)) {
        return fail(*wrong);
    }
    while (!whole_) {
        const std::size_t limit = line_limit(text.size());
        // Whole lines up to the end of a window; to look for the last one costs next to nothing.
        std::size_t end = 0;
        while (searched_ < limit) {
            const std::size_t until = std::min(limit, searched_ + window_blocks * 64);
            const void* const last = memrchr(base_ + searched_, '\n', until - searched_);
            searched_ = until;
            if (last != nullptr) {
                end = static_cast<std::size_t>(static_cast<const char*>(last) - base_) + 1;
                break;
            }
        }
        if (end == 0) {
            if (limit == text.size()) {
                return false;
            }
            return fail(started_ || limit == limits_.head ? fault::long_head
                                                          : fault::long_start_line);
        }
        if (const auto wrong = parse_lines(text.substr(0, end))) {
            return fail(*wrong);
        }
    }
    return true;
}

/// What can be seen at the first byte: an empty line, and what is no HTTP at all.
std::optional<fault> head_parser::skip_empty_line(std::string_view text) noexcept {
    if (started_ || position_ == text.size()) {
        return std::nullopt;
    }
    if (kind_ == kind::request && !skipped_ && text[position_] == '\r') {
        if (text.size() == 1) {
            return std::nullopt;
        }
        if (text[1] != '\n') {
            return fault::start_line;
        }
        skipped_ = true;
        position_ = 2;
        searched_ = 2;
        if (text.size() == 2) {
            return std::nullopt;
        }
    }
    return has(text[position_], is_delimiter) ? std::optional(fault::start_line) : std::nullopt;
}

std::optional<fault> head_parser::parse_lines(std::string_view text) noexcept {
    lines from(base_, position_, text.size());
    if (!started_) {
        const auto wrong =
            kind_ == kind::request ? parse_request_line(from) : parse_status_line(from);
        if (wrong) {
            return wrong;
        }
        started_ = true;
    }
    return parse_fields(from);
}

std::optional<fault> head_parser::parse_request_line(lines& from) noexcept {
    const std::size_t space = from.next_delimiter(position_);
    if (space == position_ || from[space] != ' ') {
        return fault::start_line;
    }
    const std::size_t end = from.next_control(space);
    const std::size_t target = space + 1;
    if (!from.line_ends_at(end) || end < target + 2 + version_size) {
        return fault::start_line;
    }
    const std::size_t target_end = end - version_size - 1;
    if (from[target_end] != ' ' || has_unprintable(from.text(target, target_end))) {
        return fault::start_line;
    }
    if (const auto wrong = parse_version(from.text(target_end + 1, end))) {
        return wrong;
    }
    first_ = {.at = static_cast<std::uint16_t>(position_),
              .size = static_cast<std::uint16_t>(space - position_)};
    second_ = {.at = static_cast<std::uint16_t>(target),
               .size = static_cast<std::uint16_t>(target_end - target)};
    position_ = end + 2;
    return std::nullopt;
}

std::optional<fault> head_parser::parse_status_line(lines& from) noexcept {
    const std::size_t end = from.next_control(position_);
    const std::string_view line = from.text(position_, end);
    // The space before an empty reason is left out by some.
    if (!from.line_ends_at(end) || line.size() < version_size + 4 || line[version_size] != ' ' ||
        (line.size() > version_size + 4 && line[version_size + 4] != ' ')) {
        return fault::start_line;
    }
    if (const auto wrong = parse_version(line.substr(0, version_size))) {
        return wrong;
    }
    unsigned code = 0;
    for (const char c : line.substr(version_size + 1, 3)) {
        if (!is_digit(c)) {
            return fault::start_line;
        }
        code = code * 10 + static_cast<unsigned>(c - '0');
    }
    if (code < 100) {
        return fault::start_line;
    }
    code_ = static_cast<status>(code);
    const std::size_t reason = std::min(position_ + version_size + 5, end);
    second_ = {.at = static_cast<std::uint16_t>(reason),
               .size = static_cast<std::uint16_t>(end - reason)};
    position_ = end + 2;
    return std::nullopt;
}

std::optional<fault> head_parser::parse_version(std::string_view text) noexcept {
    if (!text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
        return fault::start_line;
    }
    if (text[5] != '1') {
        return text[5] == '0' ? fault::start_line : fault::version;
    }
    minor_ = static_cast<std::uint8_t>(text[7] - '0');
    return std::nullopt;
}

std::optional<fault> head_parser::parse_fields(lines& from) noexcept {
    std::size_t line = position_;
    while (line != from.end()) {
        const std::size_t colon = from.next_delimiter(line);
        if (colon == line && from.line_ends_at(colon)) {
            position_ = line + 2;
            whole_ = true;
            return std::nullopt;
        }
        if (colon == line || from[colon] != ':') {
            return fault::field_line;
        }
        std::size_t end = from.next_control(colon);
        if (!from.line_ends_at(end)) {
            return fault::field_line;
        }
        if (count_ == limits_.fields) {
            return fault::many_fields;
        }
        const std::size_t next_line = end + 2;
        std::size_t value = colon + 1;
        while (is_space(from[value])) {
            ++value;
        }
        while (end > value && is_space(from[end - 1])) {
            --end;
        }
        places_[count_++] = {.name = static_cast<std::uint16_t>(line),
                             .name_size = static_cast<std::uint16_t>(colon - line),
                             .value = static_cast<std::uint16_t>(value),
                             .value_size = static_cast<std::uint16_t>(end - value)};
        line = next_line;
    }
    position_ = line;
    return std::nullopt;
}

void head_parser::drop_forbidden_trailers() noexcept {
    static constexpr auto forbidden = std::to_array<std::string_view>({"Age",
                                                                       "Authorization",
                                                                       "Cache-Control",
                                                                       "Connection",
                                                                       "Content-Encoding",
                                                                       "Content-Length",
                                                                       "Content-Range",
                                                                       "Content-Type",
                                                                       "Cookie",
                                                                       "Date",
                                                                       "Expect",
                                                                       "Expires",
                                                                       "Host",
                                                                       "Keep-Alive",
                                                                       "Location",
                                                                       "Max-Forwards",
                                                                       "Pragma",
                                                                       "Proxy-Authenticate",
                                                                       "Proxy-Authorization",
                                                                       "Proxy-Connection",
                                                                       "Range",
                                                                       "Retry-After",
                                                                       "Set-Cookie",
                                                                       "TE",
                                                                       "Trailer",
                                                                       "Transfer-Encoding",
                                                                       "Upgrade",
                                                                       "Vary",
                                                                       "WWW-Authenticate"});
    const fields_view all = fields();
    std::size_t kept = 0;
    for (std::size_t index = 0; index < all.size(); ++index) {
        const std::string_view name = all[index].name;
        const bool drop = std::ranges::any_of(
            forbidden, [&](std::string_view one) { return same_name(name, one); });
        if (!drop) {
            places_[kept++] = places_[index];
        }
    }
    count_ = kept;
}

} // namespace runnel::inline v0::http
