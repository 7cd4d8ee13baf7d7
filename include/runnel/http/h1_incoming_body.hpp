// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/chunked.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/incoming_body.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace runnel::inline v0::http {

/// What a body may be that is received.
struct incoming_body_options {
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    /// How long the next piece of it may take.
    duration timeout = std::chrono::seconds(30);
    /// Bytes a second that have to come while somebody waits for them, on average since the body
    /// began, after `timeout` of grace. 0: any.
    std::uint64_t rate = 0;
    chunk_limits chunks = {};
};
static_assert(std::is_trivially_destructible_v<incoming_body_options>);

/// The body of an HTTP/1 message while it is received (RFC 9112, sections 6 and 7).
class h1_incoming_body final : public incoming_body {
public:
    h1_incoming_body(buffered_flow& source, incoming_body_options options) noexcept
        : source_(&source), options_(options), decoder_(options.chunks) {}

    [[nodiscard]] task<result<buffer>> read() override;
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override;
    [[nodiscard]] fields_view trailers() const noexcept override { return decoder_.trailers(); }

    /// Begins the body of the next message. `expected`: the peer waits for 100 before it sends it,
    /// which it is told when somebody reads.
    void begin(const body_framing& framing, bool expected) noexcept;
    /// Whether the peer still waits to be told to send it.
    [[nodiscard]] bool awaited() const noexcept { return expected_ && !complete(); }
    /// Waits until nothing more of the body is read from the connection.
    [[nodiscard]] event::wait_operation settled() noexcept { return settled_.wait(); }

private:
    [[nodiscard]] task<result<buffer>> read_data();
    [[nodiscard]] task<result<buffer>> read_piece();
    /// How long the next piece may take, so that the rate is kept.
    [[nodiscard]] duration patience() const noexcept;
    /// Takes the framing off the front of a piece. Nothing: it was framing alone.
    [[nodiscard]] result<std::optional<buffer>> unframe(buffer piece);
    [[nodiscard]] result<std::optional<buffer>> unchunk(buffer piece);

    buffered_flow* source_;
    incoming_body_options options_;
    body_framing framing_;
    bool expected_ = false;
    duration waited_{}; // for the data so far
    event settled_;
    chunked_decoder decoder_;
};

} // namespace runnel::inline v0::http
