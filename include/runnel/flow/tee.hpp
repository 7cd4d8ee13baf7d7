// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/flow/flow.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>

namespace runnel::inline v0 {

/// What happens to the main flow when the one that gets copies cannot keep up.
enum class slow_copy : std::uint8_t {
    /// It waits: the copy is complete, and holds everything up.
    wait,
    /// It goes on: the copy is aborted, and is then cut short but never has a gap.
    detach,
};

/// What happens to the main flow when the one that gets copies fails.
enum class failed_copy : std::uint8_t {
    /// It goes on without copies.
    ignore,
    /// Its next read or write fails with the error of the copy.
    fail,
};

/// How a flow that gets copies is treated.
struct copy_target_options {
    /// Bytes that may wait for it; the last piece may lie above.
    std::size_t backlog = std::size_t{256} * 1024;
    slow_copy when_slow = slow_copy::wait;
    failed_copy when_failed = failed_copy::ignore;
    /// How long it may take to close once the main flow is closed; then it is aborted.
    duration close_timeout = std::chrono::seconds(5);
};
static_assert(std::is_trivially_destructible_v<copy_target_options>);

/// How to copy what passes through a flow to a third one.
struct tee_options : copy_target_options {
    /// Whether what is read, and what is written, is copied.
    bool reads = true;
    bool writes = true;
};
static_assert(std::is_trivially_destructible_v<tee_options>);

/// A flow that also writes what is read from it and what it accepts to `target`, in the order in
/// which it happens. By reference: reads and copies share the bytes. Closing it closes `target`,
/// after all copies are written; aborting aborts both.
[[nodiscard]] flow_ptr make_tee(flow_ptr below, flow_ptr target, tee_options options = {});

/// Called with what was read (`direction::read`), before the reader has it, and with what was
/// accepted (`direction::write`).
using tee_function = std::move_only_function<void(direction which, const buffer& data)>;

/// A flow that shows a function what passes through.
[[nodiscard]] flow_ptr make_tee(flow_ptr below, tee_function show);

} // namespace runnel::inline v0
