// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/method.hpp"

#include <array>
#include <cstddef>

namespace runnel::inline v0::http {
namespace {

/// In the order of the enumeration.
constexpr std::array<std::string_view, 9> names{"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH"};

} // namespace

method method_of(std::string_view name) noexcept {
    for (std::size_t index = 0; index < names.size(); ++index) {
        if (names[index] == name) {
            return static_cast<method>(index);
        }
    }
    return method::other;
}

std::string_view name_of(method what) noexcept {
    return what == method::other ? std::string_view() : names[static_cast<std::size_t>(what)];
}

} // namespace runnel::inline v0::http
