// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace runnel::inline v0 {

/// What this kernel lets a loop use of io_uring.
struct io_uring_features {
    /// Whether loops can be driven by it at all; if not, `reason` says why.
    bool available = false;
    std::string reason;

    /// One thread submits, and completions are worked off only when it asks (Linux 6.1).
    bool deferred_work = false;
    /// The ring is found without a look-up at each call (5.18).
    bool registered_ring = false;
    /// One submission receives again and again (6.0).
    bool multishot_receive = false;
    /// Sending from the caller's memory (6.1).
    bool zero_copy_send = false;
};

/// Tries io_uring out, as a loop would use it. Costs some system calls.
[[nodiscard]] io_uring_features io_uring_support();

/// One line: "DEFER_TASKRUN, …", or why it is not available.
[[nodiscard]] std::string to_string(const io_uring_features& features);

} // namespace runnel::inline v0
