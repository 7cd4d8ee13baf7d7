// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/flow.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace runnel::inline v0 {

/// How to join two flows.
struct proxy_options {
    /// As in `copy_options`, for each direction.
    std::size_t read_hint = 0;
    std::size_t read_ahead = std::size_t{64} * 1024;
    /// Both flows are ended when no byte moved in either direction for so long; 0: never. A write
    /// that waits is looked at four times in this period, so it may take a quarter longer to see
    /// that one stopped moving.
    duration idle_timeout{0};
    /// How long what was read before one side failed may take to reach the other.
    duration linger = std::chrono::seconds(1);
    /// How long the two closes may take once both directions are done.
    duration close_timeout = std::chrono::seconds(10);
    /// Where to keep the statistics while the proxy runs: from `a` to `b`, and back. Null: nowhere.
    copy_statistics* live_forward = nullptr;
    copy_statistics* live_backward = nullptr;
};
static_assert(std::is_trivially_destructible_v<proxy_options>);

/// Why a proxy ended.
enum class proxy_end : std::uint8_t {
    /// Both sides finished cleanly, and each has all that the other sent.
    finished,
    /// Reading from or writing to one of the sides failed.
    failed,
    /// No byte moved for the idle timeout.
    timed_out,
    /// The proxy's task was asked to stop.
    stopped,
};

/// How a proxy ended, with the statistics of both directions however that was.
class proxy_result {
public:
    proxy_result() noexcept = default;

    proxy_end why = proxy_end::finished;
    /// From `a` to `b`: `source` says how reading `a` finished, `sink` how writing `b` failed.
    copy_result forward;
    /// From `b` to `a`.
    copy_result backward;

    /// How each side ended: `end` if it finished cleanly, what failed if it did, `aborted` if it
    /// was ended because of the other side, a timeout or a stop.
    [[nodiscard]] error a_end() const { return side_end(forward, backward); }
    [[nodiscard]] error b_end() const { return side_end(backward, forward); }

private:
    static error side_end(const copy_result& from, const copy_result& to);
};

/// Joins two flows: what comes from one goes to the other, in both directions at once, until both
/// have finished; then closes both. Both must outlive the proxy.
///
/// - The end of one side is passed on as `shutdown(direction::write)` of the other, and the other
///   direction goes on for as long as it likes.
/// - When one side fails, what was read before still goes where it was bound, for `linger` at most;
///   then both are aborted, so that a reset is carried across as a reset.
/// - When nothing moves for `idle_timeout`, or the task is asked to stop, both are aborted.
[[nodiscard]] task<proxy_result> proxy(flow& a, flow& b, proxy_options options = {});

} // namespace runnel::inline v0
