// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/flow_address.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace runnel::inline v0 {

/// Counters of a listener since it was made.
struct listener_statistics {
    std::uint64_t accepted = 0; ///< flows given out
    std::uint64_t open = 0;     ///< of those, flows that still exist
    std::uint64_t pauses = 0;   ///< times it paused because the system was out of something
};

/// A place at which flows arrive. Belongs to one loop. Flows it gave out may outlive it.
class listener {
public:
    listener() = default;
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    virtual ~listener() = default;

    /// Waits for the next flow. Errors: `closed` after `close()`, also for one that waits; `busy`
    /// while another waits; the one of the stop that came first, and then no flow is lost. Any
    /// other error means that the listener is broken.
    ///
    /// Connections that fail before they are given out are not reported. While the system is out of
    /// descriptors or memory, or the listener's own limit of open flows is reached, it waits, and
    /// newcomers wait at the transport.
    [[nodiscard]] virtual task<result<flow_ptr>> accept() = 0;

    /// Where it listens, also after it was closed.
    [[nodiscard]] virtual flow_address local() const = 0;

    /// Stops listening. Flows that were not accepted are reset. Again: nothing.
    virtual void close() noexcept = 0;

    [[nodiscard]] virtual listener_statistics statistics() const noexcept = 0;

    /// Called with the reason and the length of each pause that the system forces.
    using pause_function = std::move_only_function<void(const error& why, duration pause)>;
    virtual void on_pause(pause_function report) = 0;
};

using listener_ptr = std::unique_ptr<listener>;

} // namespace runnel::inline v0
