// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace runnel::inline v0 {

class mux_session;

/// Which end of the link a multiplexer is; the other end has to be the other.
enum class mux_side : std::uint8_t { connecting, listening };

struct mux_options {
    /// Bytes that each channel keeps for its reader: 4 KiB to 1 GiB.
    std::size_t window = std::size_t{256} * 1024;
    /// Channels of both sides together. What the peer opens beyond is refused.
    std::size_t max_channels = 1024;
    /// Channels that the peer opened and nobody has accepted yet; 0 refuses them all.
    std::size_t backlog = 128;
    /// Whether to retire by itself when the last channel ends, as if `mux` were destroyed.
    bool transient = false;
};

/// Many flows, its channels, over one: for links that offer only a single stream. Both ends may
/// open channels, and need a multiplexer.
///
/// Each channel has room of its own at the receiving end and is sent only what it has room for, so
/// that one that nobody reads holds up no other; those that have something to send take turns.
/// Memory is bounded by the windows. When the link breaks, or the peer breaks the rules, every
/// channel ends with `reset`. docs/endpoints.md has the frames.
class mux {
public:
    /// Takes a link into use. Belongs to the current loop, whose end ends it.
    mux(flow_ptr link, mux_side side, mux_options options = {});
    mux(mux&&) noexcept = default;
    mux& operator=(mux&&) = delete;
    /// Opens and accepts no more. Channels that are there go on; after the last one, the link is
    /// closed.
    ~mux();

    /// Opens a channel, once the peer has agreed. Errors: `refused`, the link's own, `closed` once
    /// the peer takes no more.
    [[nodiscard]] task<result<flow_ptr>> connect();
    /// Waits for the next channel that the peer opens. Errors: the link's own, `end` when it ended
    /// in order, `busy` while another waits.
    [[nodiscard]] task<result<flow_ptr>> accept();

    /// Whether it can still open channels.
    [[nodiscard]] bool usable() const noexcept;
    /// Channels that are open.
    [[nodiscard]] std::size_t channels() const noexcept;

private:
    std::shared_ptr<mux_session> session_;
};

/// Adds the layer `mux`, as in `mux+unix:/run/link`: all flows of one loop to the same endpoint
/// share one link, which is closed after the last; a listener takes any number of links.
void register_mux_layer(transport_registry& registry);

} // namespace runnel::inline v0
