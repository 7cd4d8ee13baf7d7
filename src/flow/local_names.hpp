// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/dns_cache.hpp"
#include "runnel/flow/hosts_table.hpp"

#include <optional>
#include <string_view>

namespace runnel::inline v0 {

/// The answer for a text that no server needs to be asked about, or nothing where one has to.
///
/// In this order: an address in figures is that address. `localhost` and names below it are
/// loopback (RFC 6761, section 6.3). Names below `invalid` (RFC 6761, section 6.4) and `onion` (RFC
/// 7686) do not exist. Then `hosts` counts: a name that is there has just the addresses that are
/// there. Questions for anything but addresses are never answered.
[[nodiscard]] std::optional<result<dns_answer>> answer_locally(std::string_view text, dns_type type,
                                                               const hosts_table& hosts);

} // namespace runnel::inline v0
