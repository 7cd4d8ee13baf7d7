// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/framing.hpp"

#include <cstdint>
#include <string_view>

namespace runnel::inline v0::http {

/// The body of a message while it is sent: adds the framing, and keeps to the length that the head
/// promised. Small pieces are sent together, large ones without a copy.
class outgoing_body {
public:
    /// `muted`: nothing is sent, as for the answer to HEAD. `timeout`: how long the peer may take
    /// nothing.
    outgoing_body(buffered_flow& target, const body_framing& framing, bool muted,
                  duration timeout) noexcept
        : target_(&target), framing_(framing), muted_(muted), timeout_(timeout) {}
    outgoing_body(const outgoing_body&) = delete;
    outgoing_body& operator=(const outgoing_body&) = delete;

    /// Sends a piece; waits while much of what was written before has not left. An empty one does
    /// nothing. `invalid_argument` for more than the length that was promised.
    [[nodiscard]] task<result<void>> write(buffer data);
    [[nodiscard]] task<result<void>> write(std::string_view text);

    /// Waits until the flow below has taken everything that was written.
    [[nodiscard]] task<result<void>> flush();

    /// Ends the body, with fields behind it if it is chunked (otherwise they are not sent).
    /// `invalid_argument` if it is shorter than promised. For who made the body: a handler need not
    /// call it.
    [[nodiscard]] task<result<void>> finish(const field_block& trailers = {});
    [[nodiscard]] bool finished() const noexcept { return finished_; }

    /// Data written so far, in bytes.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

private:
    [[nodiscard]] task<result<void>> frame(buffer data);
    [[nodiscard]] task<result<void>> put(std::string_view text);

    buffered_flow* target_;
    body_framing framing_;
    bool muted_;
    bool finished_ = false;
    duration timeout_;
    std::uint64_t sent_ = 0;
};

} // namespace runnel::inline v0::http
