// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace runnel::inline v0 {

/// The flag of pwritev2 (and of io_uring's writes) that keeps a write to a pipe without reader from
/// raising SIGPIPE. Where the kernel does not know it (before 6.18) this gives 0, and has seen to
/// it that the process ignores the signal, unless it has a handler.
[[nodiscard]] int no_sigpipe_flag() noexcept;

} // namespace runnel::inline v0
