// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"

#include <cstdint>

namespace runnel::inline v0 {

/// Finds out what kind of file `fd` is, adding the system calls it takes to `calls`.
[[nodiscard]] descriptor_kind find_kind(int fd, std::uint64_t& calls) noexcept;

/// Whether the file is a socket for a stream of bytes.
[[nodiscard]] constexpr bool is_stream_socket(descriptor_kind kind) noexcept {
    return kind == descriptor_kind::tcp || kind == descriptor_kind::stream;
}

} // namespace runnel::inline v0
