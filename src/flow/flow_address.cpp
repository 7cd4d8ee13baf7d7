// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/flow_address.hpp"

namespace runnel::inline v0 {

std::optional<ip_endpoint> flow_address::ip() const noexcept {
    const auto* found = std::get_if<ip_endpoint>(&place_);
    return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::string_view flow_address::text() const noexcept {
    const auto* found = std::get_if<std::string>(&place_);
    return found != nullptr ? std::string_view(*found) : std::string_view();
}

std::string flow_address::to_string() const {
    std::string whole(scheme_);
    if (const auto* found = std::get_if<ip_endpoint>(&place_)) {
        whole += "://";
        whole += found->to_string();
    } else {
        whole += ':';
        whole += text();
    }
    return whole;
}

} // namespace runnel::inline v0
