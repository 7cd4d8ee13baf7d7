// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server.hpp"

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

/// The protocol of `bench flow`: much data in one or both directions, counted at both ends.
///
/// The client sends a greeting of 16 bytes: "runnel bulk 1", the direction, and two zero bytes;
/// then, in the directions up and both, data until it ends its side. In the directions down and
/// both, the server sends data until it sees that end. Last of all the server sends the number of
/// bytes it received after the greeting, as 8 bytes with the lowest first, and ends its side.
namespace runnel::inline v0::program {

/// Seen from the client.
enum class bulk_direction : char { up = 'u', down = 'd', both = 'b' };

/// What a client measured.
struct bulk_figures {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    duration took{};
};

/// Moves data for `span`, in writes of `size` bytes. Fails with `protocol_error` if the server did
/// not receive what was sent.
[[nodiscard]] task<result<bulk_figures>> move_bulk(flow& server, bulk_direction direction,
                                                   std::size_t size, duration span);

/// The other side, which writes `size` bytes at a time.
[[nodiscard]] std::unique_ptr<connection_handler> make_bulk_handler(std::size_t size);

} // namespace runnel::inline v0::program
