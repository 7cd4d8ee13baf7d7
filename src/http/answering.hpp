// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/http/response.hpp"
#include "runnel/http/status.hpp"

namespace runnel::inline v0::http {

/// What is wrong, and the end of the connection.
[[nodiscard]] response error_response(status code);

} // namespace runnel::inline v0::http
