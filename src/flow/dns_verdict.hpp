// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/dns_message.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace runnel::inline v0 {

/// What a response says about a name.
struct dns_verdict {
    enum class kind : std::uint8_t {
        /// The name, or the one that its aliases lead to, has `data`.
        found,
        /// That name does not exist.
        no_such_name,
        /// That name exists without records of the type.
        no_data,
        /// An alias leads to `name`, about which the response says nothing.
        alias,
        /// The server answers, but will not look the name up.
        referral,
        /// Aliases lead to aliases for too long.
        too_many_aliases,
    };

    kind what = kind::no_data;
    dns_name name;
    std::vector<dns_data> data;
    /// Seconds that all of this may be kept. None for an absence that no SOA record vouches for
    /// (RFC 2308, section 5).
    std::optional<std::uint32_t> ttl;
};

/// Reads a response of code NOERROR or NXDOMAIN, following aliases from `question`'s name.
[[nodiscard]] dns_verdict judge(const dns_response& response, const dns_question& question);

} // namespace runnel::inline v0
