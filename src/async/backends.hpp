// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/core/error.hpp"

#include <memory>

namespace runnel::inline v0 {

[[nodiscard]] result<std::unique_ptr<io_backend>> make_epoll_backend();
/// Errors: `not_supported` or `permission_denied` where the kernel does not let us, with the
/// reason.
[[nodiscard]] result<std::unique_ptr<io_backend>> make_uring_backend();
[[nodiscard]] std::unique_ptr<io_backend> make_virtual_backend();

} // namespace runnel::inline v0
