// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace runnel::inline v0 {

/// What was moved in one direction, and when by the loop's clock.
struct copy_statistics {
    std::uint64_t bytes_read = 0;
    /// Accepted by the sink; after an error or a stop this may be fewer than were read.
    std::uint64_t bytes_written = 0;
    /// Operations that moved something.
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;

    time_point started{};
    /// The first and the latest byte that was read or written; none if there was none.
    std::optional<time_point> first_byte{};
    std::optional<time_point> last_byte{};
    /// The end; while the copy still runs, the time of the last activity.
    time_point ended{};

    [[nodiscard]] duration elapsed() const noexcept { return ended - started; }
    /// Bytes written per second between start and end; 0 if no time has passed.
    [[nodiscard]] double bytes_per_second() const noexcept;
};

/// How to copy.
struct copy_options {
    /// Most bytes of one read; 0: as the source likes.
    std::size_t read_hint = 0;
    /// While a write waits, reading goes on until so many bytes wait for the next write. 0: nothing
    /// is read while a write waits.
    std::size_t read_ahead = std::size_t{64} * 1024;
    /// Ends the copy after so many bytes.
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    /// Where to keep the statistics while the copy runs, for those who want to watch; lives until
    /// the copy is done. Null: nowhere.
    copy_statistics* live = nullptr;
};
static_assert(std::is_trivially_destructible_v<copy_options>);

/// How a copy ended: what was moved, and what each side said. `complete()` when all is well.
class copy_result {
public:
    copy_result() noexcept = default;

    /// Whether all that the source gave, up to its clean end or the limit, was written.
    [[nodiscard]] bool complete() const noexcept {
        return !sink && !stopped && (!source || *source == errc::end);
    }

    copy_statistics statistics;
    /// How reading finished: `errc::end`, or why it failed. None if it did not: the limit was
    /// reached, the sink failed, or the copy was stopped first.
    std::optional<error> source;
    /// Why writing failed, if it did.
    std::optional<error> sink;
    /// Why the copy was stopped, if its task was asked to.
    std::optional<error> stopped;
    /// What was read and could not be written, in order: nothing is lost.
    buffer_queue rest;
};

/// Moves everything from `source` to `sink`, by reference, until the source ends, the sink fails,
/// or the task is stopped. What was read before the source failed is still written. Neither side is
/// shut down or closed; both must outlive the copy. Uses the reading side of the one and the
/// writing side of the other, and nothing else of them.
[[nodiscard]] task<copy_result> copy(flow& source, flow& sink, copy_options options = {});

} // namespace runnel::inline v0
