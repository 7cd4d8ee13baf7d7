// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <utility>

namespace runnel::inline v0 {

/// How to make a pipe.
struct pipe_options {
    /// Bytes each direction holds that were written and not read. 0: a write is done when the peer
    /// has read all of it.
    std::size_t capacity = std::size_t{256} * 1024;
};

/// Two flows joined back to back in memory: what is written to one is read from the other. Buffers
/// move through by reference, never copied. Both belong to the loop of the thread that made them.
[[nodiscard]] std::pair<flow_ptr, flow_ptr> make_pipe(pipe_options options = {});

} // namespace runnel::inline v0
