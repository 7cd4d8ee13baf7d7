// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace runnel::inline v0::tls {

/// What the errors that OpenSSL has queued on this thread say about a session that failed; takes
/// them. `refusal`: why a certificate was refused, if one was. `alert`: the one that we sent.
[[nodiscard]] error describe_failure(const std::optional<error>& refusal,
                                     std::optional<std::uint8_t> alert);

/// The error for `X509_V_ERR_…`, without a text.
[[nodiscard]] error verification_error(int code, std::string text);

/// OpenSSL's own words for the first error in its queue, which is then emptied.
[[nodiscard]] std::string take_reason();

} // namespace runnel::inline v0::tls
