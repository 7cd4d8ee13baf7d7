// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <system_error>

namespace runnel::inline v0 {

/// Why a name could not be resolved, in the category "dns". The kind of each in the shared
/// vocabulary stands behind it.
enum class dns_errc {
    /// The name does not exist (NXDOMAIN): not_found.
    no_such_name = 1,
    /// The name exists, but has no record of the type that was asked for (NODATA): not_found.
    no_data,
    /// All servers that answered said that they cannot or will not answer: unreachable.
    server_failure,
    /// No server answered in time: timed_out.
    no_answer,
    /// No query could be sent to any server: unreachable.
    no_server,
    /// The name leads to an alias, that to another, and so on without end: protocol_error.
    too_many_aliases,
    /// The text is no domain name: invalid_argument.
    malformed_name,
    /// More names are being looked up than the resolver is made for: limit_exceeded.
    too_many_lookups,
};

/// The category "dns".
[[nodiscard]] const std::error_category& dns_category() noexcept;

/// Makes a code of the category "dns".
[[nodiscard]] std::error_code make_error_code(dns_errc code) noexcept;

} // namespace runnel::inline v0

template <>
struct std::is_error_code_enum<runnel::dns_errc> : std::true_type {};
