// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// One field of a head or a trailer section: views into the bytes that were received.
struct field {
    std::string_view name;  ///< as it came: compare with `same_name`
    std::string_view value; ///< without the white space around it
};

/// Whether two names of fields, or two tokens, are equal but for upper and lower case.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

/// Whether `text` is a token (RFC 9110, section 5.6.2): what names of fields and methods consist
/// of.
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// Whether `text` can be the value of a field: no control characters but tabs, and no white space
/// around it (RFC 9110, section 5.5).
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

/// Where a field lies, counted from the first byte of the head.
struct field_place {
    std::uint16_t name;
    std::uint16_t name_size;
    std::uint16_t value;
    std::uint16_t value_size;
};

/// The fields of a head in the order in which they came. A view, valid as long as the bytes and
/// whoever parsed them.
class fields_view {
public:
    fields_view() noexcept = default;
    fields_view(const char* base, const field_place* places, std::size_t count) noexcept
        : base_(base), places_(places), count_(count) {}

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] field operator[](std::size_t index) const noexcept {
        const field_place& at = places_[index];
        return {.name = {base_ + at.name, at.name_size},
                .value = {base_ + at.value, at.value_size}};
    }

    /// The value of the first field of this name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    /// How many fields have this name.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;

    class iterator {
    public:
        using value_type = field;
        using difference_type = std::ptrdiff_t;
        iterator() noexcept = default;
        iterator(const fields_view& all, std::size_t index) noexcept
            : base_(all.base_), place_(all.places_ + index) {}
        field operator*() const noexcept { return fields_view(base_, place_, 1)[0]; }
        iterator& operator++() noexcept {
            ++place_;
            return *this;
        }
        iterator operator++(int) noexcept {
            const iterator before = *this;
            ++place_;
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.place_ == b.place_;
        }

    private:
        const char* base_ = nullptr;
        const field_place* place_ = nullptr;
    };
    [[nodiscard]] iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] iterator end() const noexcept { return {*this, count_}; }

private:
    const char* base_ = nullptr;
    const field_place* places_ = nullptr;
    std::size_t count_ = 0;
};

} // namespace runnel::inline v0::http
