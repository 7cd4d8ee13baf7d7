// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/field_block.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// The body of a message while it is sent: adds the framing, and keeps to the length that the head
/// promised. Small pieces are sent together, large ones without a copy. One operation at a time.
class outgoing_body {
public:
    outgoing_body(const outgoing_body&) = delete;
    outgoing_body& operator=(const outgoing_body&) = delete;

    /// Sends a piece; waits while much of what was written before has not left. An empty one does
    /// nothing. `invalid_argument` for more than the length that was promised.
    [[nodiscard]] task<result<void>> write(buffer data);
    [[nodiscard]] task<result<void>> write(std::string_view text);

    /// Waits until the flow below has taken everything that was written.
    [[nodiscard]] virtual task<result<void>> flush() = 0;

    /// Ends the body, with fields behind it if the framing can carry them (otherwise they are not
    /// sent). `invalid_argument` if it is shorter than promised. For who made the body: a handler
    /// calls it only to send fields.
    [[nodiscard]] task<result<void>> finish(const field_block& trailers = {});
    [[nodiscard]] bool finished() const noexcept { return finished_; }

    /// Data written so far, in bytes.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

protected:
    /// `length`: what was promised, if anything was. `muted`: nothing is sent, as for the answer to
    /// HEAD, and nothing needs to be written.
    outgoing_body(std::optional<std::uint64_t> length, bool muted) noexcept
        : length_(length), muted_(muted) {}
    ~outgoing_body() = default;

    /// Sends a piece that is not empty and belongs to the body.
    [[nodiscard]] virtual task<result<void>> put(buffer data) = 0;
    /// Sends the end.
    [[nodiscard]] virtual task<result<void>> put_end(const field_block& trailers) = 0;

private:
    std::optional<std::uint64_t> length_;
    bool muted_;
    bool finished_ = false;
    std::uint64_t sent_ = 0;
};

} // namespace runnel::inline v0::http
