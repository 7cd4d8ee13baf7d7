// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/io_uring.h>

namespace runnel::inline v0 {

/// Parts of io_uring that are newer than the kernel headers this is built with. None is taken for
/// granted: each is tried at run time, never concluded from a version.
inline constexpr unsigned uring_setup_no_sqarray = 1U << 16; // Linux 6.6

} // namespace runnel::inline v0
