// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/flow/dns_cache.hpp"

#include <variant>
#include <vector>

namespace runnel::inline v0 {

/// The type of the records with addresses of a family.
inline dns_type address_type(ip_family family) noexcept {
    return family == ip_family::v4 ? dns_type::a : dns_type::aaaa;
}

/// The addresses in an answer, or its error.
inline result<std::vector<ip_address>> addresses_of(const result<dns_answer>& answer) {
    if (!answer) {
        return fail(answer.error());
    }
    std::vector<ip_address> addresses;
    for (const dns_data& data : answer->data) {
        if (const auto* v4 = std::get_if<ipv4_address>(&data)) {
            addresses.emplace_back(*v4);
        } else if (const auto* v6 = std::get_if<ipv6_address>(&data)) {
            addresses.emplace_back(*v6);
        }
    }
    return addresses;
}

} // namespace runnel::inline v0
