// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"
#include "runnel/flow/recording.hpp"
#include "runnel/flow/tee.hpp"

#include <cstdint>
#include <type_traits>
#include <vector>

namespace runnel::inline v0 {

/// A flow that also writes all that passes through it, with its time and how it ended, to `target`
/// in the format of `recording.hpp`. `target` is treated as `make_tee` does. Times count from this
/// call, by the loop that runs.
[[nodiscard]] flow_ptr make_record(flow_ptr below, flow_ptr target,
                                   copy_target_options options = {});

/// How fast a recording is replayed.
enum class replay_pace : std::uint8_t {
    /// Each read comes as long after the beginning as it did when it was recorded, or later.
    recorded,
    /// Each read comes as soon as it may.
    fast,
};

/// How to replay.
struct replay_options {
    replay_pace pace = replay_pace::recorded;
    /// Whether what is written has to be what was written when it was recorded.
    bool verify = true;
    /// Whether a read waits until as much has been written as had been when it was recorded.
    bool wait_for_writes = true;
};
static_assert(std::is_trivially_destructible_v<replay_options>);

/// A flow that behaves as the peer did when it was recorded: gives the same reads and the same end.
/// Times count from this call.
///
/// With `verify`, a write of a byte that is different or was not there fails with `protocol_error`,
/// and so does a shutdown or close before all was written; the text says at which byte. A write
/// that failed in the recording fails in the same way at the same byte.
[[nodiscard]] flow_ptr make_replay(std::vector<recorded_event> recording,
                                   replay_options options = {});

} // namespace runnel::inline v0
