// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/timer.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace runnel::inline v0 {

/// A flow whose bytes travel in messages that somebody else carries, its carrier, and whose two
/// sides tell each other how much they have room for: a channel of a multiplexer, a connection of
/// virtio-vsock. For those who write such carriers.
///
/// This class keeps the contract of flows; the carrier brings what the peer says (`hear_…`) and
/// fetches what is to be told (`next_data`, `tell_end`, `tell_room`), in its own time and order,
/// which makes it fair and keeps nothing twice. After `left()` it does neither any more. A derived
/// class calls `abort()` in its destructor.
class credit_flow : public flow, private timer {
public:
    credit_flow(const credit_flow&) = delete;
    credit_flow& operator=(const credit_flow&) = delete;

    /// Bytes that the peer may send before it is told of more room.
    [[nodiscard]] std::size_t window() const noexcept { return window_; }

    // ---- What the peer says. Each may end operations, so it stands last in a function.

    /// How much may be sent now; replaces what was known.
    void hear_room(std::size_t bytes) noexcept;
    /// So much more may be sent.
    void hear_more_room(std::size_t bytes) noexcept { hear_room(room_ + bytes); }
    [[nodiscard]] std::size_t room() const noexcept { return room_; }
    /// Data, at most what it was told there is room for; false if it is more, and nothing happened.
    [[nodiscard]] bool hear_data(buffer data) noexcept;
    /// It writes no more.
    void hear_end() noexcept;
    /// It reads no more, and does not want to know what is written.
    void hear_deaf() noexcept;
    /// It neither reads nor writes any more, and all it wrote has come. The flow is left.
    void hear_gone() noexcept;
    /// The stream broke: `reset`, or what became of the carrier. The flow is left.
    void hear_failure(error why) noexcept;
    /// Everything fetched so far has left for the peer (see `has_left`).
    void hear_departure() noexcept;

    // ---- What is to be told.

    /// Whether a write waits for which the peer has room.
    [[nodiscard]] bool has_data() const noexcept {
        return room_ > 0 && writer() != nullptr && writer()->remaining() > 0 && !left_;
    }
    /// The next bytes, at most `limit` > 0. Requires `has_data()`.
    [[nodiscard]] buffer next_data(std::size_t limit) noexcept;
    /// Whether to tell that no more comes. Never while a write waits.
    [[nodiscard]] bool end_is_due() const noexcept { return ending_ && !told_end_ && !left_; }
    /// It was told.
    void tell_end() noexcept;
    /// Bytes read since the last time, for which there is room again.
    [[nodiscard]] std::size_t room_to_tell() const noexcept { return freed_; }
    /// Whether that is so much that it should be told.
    [[nodiscard]] bool room_is_due() const noexcept {
        return freed_ >= window_ / 2 && !finished_ && !left_;
    }
    /// It was told; gives what `room_to_tell` gave.
    std::size_t tell_room() noexcept;

    [[nodiscard]] bool heard_end() const noexcept { return finished_; }

protected:
    explicit credit_flow(std::size_t window) noexcept
        : timer(&nobody_came), window_(window), granted_(window) {}
    ~credit_flow() override = default;

    /// There is something to tell now. The carrier may fetch it within the call.
    virtual void something_to_tell() noexcept = 0;
    /// Nothing is to be told or heard any more: both ends were told (`cleanly`), or the flow was
    /// aborted and the peer has to know. Not called after `hear_gone` and `hear_failure`.
    virtual void left(bool cleanly) noexcept = 0;
    /// Whether all that was fetched has left for the peer; if not, `hear_departure` follows.
    [[nodiscard]] virtual bool has_left() const noexcept { return true; }

    /// The error of a flow that was left because of one.
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

private:
    void do_read(read_operation& op) final;
    void do_write(write_operation& op) final;
    void do_flush(control_operation& op) final;
    void do_shutdown_write(control_operation& op) final;
    void do_shutdown_read() noexcept final;
    void do_begin_close() noexcept final;
    void do_close(control_operation& op) final;
    void do_abort() noexcept final;
    [[nodiscard]] bool do_cancel(read_operation& op) noexcept final;
    [[nodiscard]] bool do_cancel(write_operation& op) noexcept final;
    void do_cancel(control_operation& op) noexcept final;

    bool give(read_operation& op) noexcept;
    void count_read(std::size_t bytes) noexcept;
    void free_room(std::size_t bytes) noexcept;
    void settle_reader() noexcept;
    void settle_writer() noexcept;
    void settle_control() noexcept;
    void end_here() noexcept;
    void leave_if_over() noexcept;
    void watch_for_readers() noexcept;
    static void nobody_came(timer& self) noexcept;

    std::size_t window_;
    std::size_t granted_;   // the peer may still send so much
    std::size_t freed_ = 0; // and so much more, once it is told
    std::size_t aside_ = 0; // bytes in front of the inbox that count as read
    std::size_t room_ = 0;  // we may send so much
    buffer_queue inbox_;
    std::optional<error> failure_;
    std::uint32_t reads_ = 0;      // ever, to see whether somebody reads
    std::uint32_t reads_seen_ = 0; // when the timer was armed
    bool finished_ = false;        // the peer writes no more
    bool deaf_ = false;            // the peer reads no more
    bool gone_ = false;            // it is not there any more, in peace
    bool ending_ = false;          // no more comes from us
    bool told_end_ = false;
    bool discarding_ = false;
    bool closing_ = false;
    bool close_asked_ = false; // a close is the control operation, or was
    bool cut_ = false;         // the close discarded something
    bool left_ = false;
};

} // namespace runnel::inline v0
