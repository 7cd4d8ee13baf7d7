// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/http/field.hpp"

#include <cstddef>
#include <string_view>

namespace runnel::inline v0::http {

/// Splits the value of a list field at its commas, those within quotes excepted
/// (RFC 9110, section 5.6.1). Empty elements are left out.
///
///     list_reader list(value);
///     for (std::string_view each; list.next(each);) …
class list_reader {
public:
    explicit list_reader(std::string_view value) noexcept : rest_(value) {}

    /// Gives the next element without white space around it. False at the end.
    [[nodiscard]] bool next(std::string_view& element) noexcept;

private:
    std::string_view rest_;
};

/// Whether any field of this name lists the token, in upper or lower case.
[[nodiscard]] bool lists(const fields_view& fields, std::string_view name,
                         std::string_view token) noexcept;

} // namespace runnel::inline v0::http
