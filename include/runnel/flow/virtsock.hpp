// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"
#include "runnel/flow/transport.hpp"

#include <cstddef>
#include <cstdint>

/// The framing that Docker and linuxkit put over Hyper-V sockets (virtsock), whose own half-close
/// some hosts lose.
///
/// The stream is a sequence of words of 32 bits, little-endian. A word up to 4096 is followed by so
/// many bytes of data; three others stand for an end.
namespace runnel::inline v0 {

namespace virtsock {
/// Most bytes in one message.
inline constexpr std::size_t largest_message = 4096;
/// The sender reads no more.
inline constexpr std::uint32_t shutdown_read = 0xDEAD'BEEF;
/// The sender writes no more.
inline constexpr std::uint32_t shutdown_write = 0xBEEF'DEAD;
/// The sender does neither any more.
inline constexpr std::uint32_t close = 0xDEAD'DEAD;
} // namespace virtsock

/// Makes a flow over `below`, whose other end has to use the same framing. Both its ends are told
/// in words, so `below` need not carry a half-close. Memory is bounded by 128
/// KiB each way.
///
/// A transport that ends without the word for it gives `truncated`; any other word than the above
/// gives `protocol_error`, and what follows one for an end does, too, unless it is another such
/// word. A peer that reads no more is not told of what is written from then on; writing succeeds.
[[nodiscard]] flow_ptr make_virtsock(flow_ptr below);

/// Adds the layer `virtsock`, as in `virtsock+hvsock://parent:1024`.
void register_virtsock_layer(transport_registry& registry);

} // namespace runnel::inline v0
