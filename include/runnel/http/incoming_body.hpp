// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/field.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace runnel::inline v0::http {

/// The body of a message while it is received. The framing is taken off; the data is given as it
/// came, without a copy. Whoever does not read it holds the peer up: nothing is read ahead.
///
/// Belongs to the connection it is received on, which also drops what nobody reads. One read at a
/// time.
class incoming_body {
public:
    incoming_body(const incoming_body&) = delete;
    incoming_body& operator=(const incoming_body&) = delete;
    virtual ~incoming_body() = default;

    /// The next piece, at least 1 byte. `end` behind the last one, and only there: `truncated` if
    /// the flow ends before the body does, `limit_exceeded` for a body above the limit, a fault for
    /// one that is malformed, `timed_out`, or the error of the flow. All but that of a stop are
    /// sticky.
    [[nodiscard]] virtual task<result<buffer>> read() = 0;

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
    [[nodiscard]] virtual std::optional<std::uint64_t> length() const noexcept = 0;
    /// Data given so far, in bytes.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// The fields behind a body that is complete.
    [[nodiscard]] virtual fields_view trailers() const noexcept { return {}; }

protected:
    incoming_body() noexcept = default;

    /// How reading finished, if it did.
    [[nodiscard]] const std::optional<error>& ended() const noexcept { return end_; }
    /// Notes how a read failed; an error that ends the body is kept.
    [[nodiscard]] error note(error what) noexcept;
    /// Counts data, and notes the end if `last`.
    void count(std::size_t size, bool last) noexcept;
    /// Begins a body anew; `empty`: one that is complete at once.
    void restart(bool empty) noexcept;

private:
    std::uint64_t received_ = 0;
    std::optional<error> end_ = error(errc::end);
};

} // namespace runnel::inline v0::http
