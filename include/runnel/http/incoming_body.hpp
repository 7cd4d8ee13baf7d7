// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/chunked.hpp"
#include "runnel/http/framing.hpp"

#include <chrono>
#include <cstddef>
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
    chunk_limits chunks = {};
};
static_assert(std::is_trivially_destructible_v<incoming_body_options>);

/// The body of a message while it is received. The framing is taken off; the data is given as it
/// came, without a copy. Whoever does not read it holds the peer up: nothing is read ahead.
///
/// Belongs to the connection it is received on, which also drops what nobody reads. One read at a
/// time.
class incoming_body {
public:
    incoming_body(buffered_flow& source, incoming_body_options options) noexcept
        : source_(&source), options_(options), decoder_(options.chunks) {}
    incoming_body(const incoming_body&) = delete;
    incoming_body& operator=(const incoming_body&) = delete;

    /// The next piece, at least 1 byte. `end` behind the last one, and only there: `truncated` if
    /// the flow ends before the body does, `limit_exceeded` for a body above the limit, a fault for
    /// one that is malformed, `timed_out`, or the error of the flow. All but that of a stop are
    /// sticky.
    [[nodiscard]] task<result<buffer>> read();

    /// All of it in one piece. `limit_exceeded` if that is more than `most` bytes.
    [[nodiscard]] task<result<buffer>> read_all(std::size_t most);

    /// Reads the rest and drops it. `limit_exceeded` if that is more than `most` bytes.
    [[nodiscard]] task<result<void>> discard(std::uint64_t most);

    /// Whether all of it has been read.
    [[nodiscard]] bool complete() const noexcept { return end_ && *end_ == errc::end; }
    /// Why it cannot be read to its end, if that has shown.
    [[nodiscard]] std::optional<error> failure() const noexcept {
        return complete() ? std::nullopt : end_;
    }
    /// How many bytes it has; nothing while only its end will tell.
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept;
    /// Data given so far, in bytes.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// The fields behind a chunked body that is complete.
    [[nodiscard]] fields_view trailers() const noexcept { return decoder_.trailers(); }

    /// Begins the body of the next message. `expected`: the peer waits for 100 before it sends it,
    /// which it is told when somebody reads.
    void begin(const body_framing& framing, bool expected) noexcept;
    /// Whether the peer still waits to be told to send it.
    [[nodiscard]] bool awaited() const noexcept { return expected_ && !complete(); }

private:
    [[nodiscard]] task<result<buffer>> read_piece();
    /// Takes the framing off the front of a piece. Nothing: it was framing alone.
    [[nodiscard]] result<std::optional<buffer>> unframe(buffer piece);
    [[nodiscard]] result<std::optional<buffer>> unchunk(buffer piece);
    [[nodiscard]] error note(error what) noexcept;

    buffered_flow* source_;
    incoming_body_options options_;
    body_framing framing_;
    bool expected_ = false;
    std::uint64_t received_ = 0;
    std::optional<error> end_ = error(errc::end);
    chunked_decoder decoder_;
};

} // namespace runnel::inline v0::http
