// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/field_block.hpp"

#include "character.hpp"
#include "runnel/http/field.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

namespace runnel::inline v0::http {
namespace {

/// What most heads find room in.
constexpr std::size_t first_size = 256;

bool frames_a_message(std::string_view name) noexcept {
    static constexpr auto names = std::to_array<std::string_view>(
        {"Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "Upgrade", "Host",
         "Expect", "Proxy-Connection"});
    return std::ranges::any_of(names, [&](std::string_view one) { return same_name(one, name); });
}

char* put(char* to, std::string_view text) noexcept {
    return std::copy(text.begin(), text.end(), to);
}

} // namespace

field_block& field_block::add(std::string_view name, std::string_view value) {
    value = trim(value);
    if (!is_token(name) || frames_a_message(name) || !is_field_value(value)) {
        if (!failure_) {
            failure_.emplace(errc::invalid_argument, "the field \"" +
                                                         std::string(is_token(name) ? name : "?") +
                                                         "\" cannot be sent");
        }
        return *this;
    }
    char* to = grow(name.size() + value.size() + 4);
    to = put(to, name);
    to = put(to, ": ");
    to = put(to, value);
    put(to, "\r\n");
    return *this;
}

field_block& field_block::add(std::string_view name, std::uint64_t value) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return add(name, std::string_view(digits.data(), end));
}

bool field_block::contains(std::string_view name) const noexcept {
    return find(name).has_value();
}

std::optional<std::string_view> field_block::find(std::string_view name) const noexcept {
    for (std::string_view rest = text(); !rest.empty();) {
        const std::size_t colon = rest.find(':');
        const std::size_t end = rest.find('\n') + 1;
        if (same_name(rest.substr(0, colon), name)) {
            return rest.substr(colon + 2, end - colon - 4);
        }
        rest.remove_prefix(end);
    }
    return std::nullopt;
}

void field_block::remove(std::string_view name) {
    if (!contains(name)) {
        return;
    }
    const buffer before = std::exchange(text_, buffer());
    for (std::string_view rest = before.view().substr(0, std::exchange(used_, 0)); !rest.empty();) {
        const std::size_t end = rest.find('\n') + 1;
        if (!same_name(rest.substr(0, rest.find(':')), name)) {
            put(grow(end), rest.substr(0, end));
        }
        rest.remove_prefix(end);
    }
}

void field_block::clear() noexcept {
    text_.reset();
    used_ = 0;
    failure_.reset();
}

char* field_block::grow(std::size_t size) {
    if (used_ + size > text_.size()) {
        buffer larger = buffer::allocate(std::max({first_size, 2 * text_.size(), used_ + size}));
        if (used_ != 0) {
            std::memcpy(larger.writable().data(), text_.data(), used_);
        }
        text_ = std::move(larger);
    }
    char* const place = reinterpret_cast<char*>(text_.writable().data()) + used_;
    used_ += size;
    return place;
}

} // namespace runnel::inline v0::http
