// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow_address.hpp"
#include "runnel/flow/flow_operation.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace runnel::inline v0 {

class kernel_stream;

/// A reliable byte stream connected to an endpoint, the same over every transport.
///
/// What each operation promises:
/// - Data arrives complete, in order and unchanged; then comes how the stream finished, as an
/// error:
///   `end` (the peer finished cleanly), `closed` (we did), `reset` (the peer aborted), `aborted`
///   (we did), `timed_out`, `unreachable`, `truncated`, `protocol_error`. The finish of a direction
///   is sticky: every later operation of that direction gives the same at once.
/// - One read and one write may wait at the same time, independent of each other. A second one of
/// the
///   same direction gives `busy` and disturbs nothing.
/// - Every operation can be cancelled and given a deadline. A cancelled read loses no byte. After a
///   cancelled write, `accepted()` says how much of it the transport took, and the flow goes on.
/// - Every way to finish ends every waiting operation, exactly once.
/// - A flow over another flow owns it, and closes or aborts it with itself.
///
/// A flow belongs to one loop. Dropping a flow that was not closed aborts it, so that a peer never
/// mistakes a crash for a clean end. Operations still waiting then end with `aborted`.
class flow {
public:
    flow() noexcept = default;
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;
    virtual ~flow();

    /// Waits for data and gives what is there: at least 1 byte, in a buffer of a size convenient to
    /// the transport (at most `hint` bytes if that is not 0). The caller owns the buffer; it stays
    /// valid and unchanged however many reads follow.
    [[nodiscard]] read_awaiter read(std::size_t hint = 0) noexcept { return {*this, hint}; }

    /// The same into the caller's memory, which must stay valid until it is done: gives the number
    /// of bytes, at least 1. An empty span gives `invalid_argument`.
    [[nodiscard]] read_into_awaiter read_into(std::span<std::byte> target) noexcept {
        return {*this, target};
    }

    /// Writes all of a buffer, of any size, and is done when the transport has accepted all of it:
    /// accepted is not delivered. Waits while the transport is full. The buffer belongs to the flow
    /// from here on. An empty buffer succeeds.
    [[nodiscard]] write_awaiter write(buffer data) noexcept {
        return {*this, std::move(data), false};
    }

    /// Writes several buffers in order, as if they were one.
    [[nodiscard]] writev_awaiter writev(buffer_list data) noexcept {
        return {*this, std::move(data), false};
    }

    /// Like `write`, but sent at once, and done when the peer's transport has acknowledged all of
    /// it. Transports without acknowledgements do what `write` and `flush` do.
    [[nodiscard]] write_awaiter write_nodelay(buffer data) noexcept {
        return {*this, std::move(data), true};
    }
    [[nodiscard]] writev_awaiter writev_nodelay(buffer_list data) noexcept {
        return {*this, std::move(data), true};
    }

    /// Waits until everything accepted so far has left for the peer.
    [[nodiscard]] control_operation flush() noexcept {
        return {*this, control_operation::kind::flush};
    }

    /// Ends one direction, or both. `write`: what is pending goes out first, then the peer is told;
    /// later writes give `closed`, reading goes on. `read`: this and later reads give `end`; what
    /// still arrives is discarded, so that the peer is not blocked for ever. Again: nothing,
    /// successfully. One that is cancelled while it waits for a write has not happened.
    [[nodiscard]] control_operation shutdown(direction which) noexcept { return {*this, which}; }

    /// What `shutdown(direction::read)` does, which never waits.
    void shutdown_read() noexcept;

    /// The graceful end: sends what is pending, tells the peer that no more comes, keeps what the
    /// peer still sends readable, and is done when the peer has closed too; then everything is
    /// freed.
    ///
    /// Unread data stays readable, up to the receive buffer. Once that is full and nobody reads,
    /// the rest is discarded, so that an unread byte cannot hold up a close; a reader then gets
    /// what was kept, and `closed` instead of `end`. One who reads again as soon as a read is done
    /// misses nothing. A second close does nothing, successfully. A deadline or cancellation turns
    /// the close into `abort()`, and the result is `aborted`.
    [[nodiscard]] control_operation close() noexcept {
        return {*this, control_operation::kind::close};
    }

    /// The part of `close` that does not wait, for flows over other flows: from now on, what
    /// arrives is kept as far as there is room, and discarded where nobody reads. Writing goes on;
    /// a close has to follow.
    void begin_close() noexcept;

    /// Ends the flow at once: the peer sees a reset, operations that wait end with `aborted`.
    /// Nothing happens after a close or an abort.
    void abort() noexcept;

    /// Our address and the peer's; also after the flow ended.
    [[nodiscard]] virtual flow_address local() const = 0;
    [[nodiscard]] virtual flow_address remote() const = 0;

    /// The kernel's stream below, if nothing lies between, so that bytes may be moved without this
    /// flow; null otherwise. It lives as long as the flow.
    [[nodiscard]] virtual kernel_stream* kernel() noexcept { return nullptr; }

protected:
    // What a transport implements. The flow above has checked the rules: there is one read, one
    // write and one control operation at a time, none after the direction finished, and a shutdown
    // or a close comes when no write is pending. Operations may be ended within the call or later,
    // as the last thing a transport does in a function, because ending one may start the next.

    virtual void do_read(read_operation& op) = 0;
    virtual void do_write(write_operation& op) = 0;
    virtual void do_flush(control_operation& op) = 0;
    /// Tells the peer that no more comes.
    virtual void do_shutdown_write(control_operation& op) = 0;
    /// From now on discards what arrives. A waiting read has been taken back by `do_cancel`.
    virtual void do_shutdown_read() noexcept = 0;
    /// A close was asked for that has to wait for a write or control operation before it. From now
    /// on what finds no room is discarded as in `do_close`, so that two sides that both write and
    /// close, and do not read, do not wait for each other for ever.
    virtual void do_begin_close() noexcept = 0;
    /// However it ends, the transport's resources are freed then; what was kept stays readable.
    virtual void do_close(control_operation& op) = 0;
    /// Tears the transport down. Operations it holds end with `aborted`, at once or, where the
    /// kernel still uses their memory, later; those no longer refer to the flow.
    virtual void do_abort() noexcept = 0;

    /// Takes a waiting operation back. True: the transport has let go of it and the caller ends it.
    /// False: the transport will end it itself with `fail_stopped()` as soon as it can.
    [[nodiscard]] virtual bool do_cancel(read_operation& op) noexcept = 0;
    [[nodiscard]] virtual bool do_cancel(write_operation& op) noexcept = 0;
    /// The transport forgets the operation at once; what it began goes on.
    virtual void do_cancel(control_operation& op) noexcept = 0;

    /// The operations the transport holds, or null.
    [[nodiscard]] read_operation* reader() const noexcept { return reader_; }
    [[nodiscard]] write_operation* writer() const noexcept { return writer_; }
    [[nodiscard]] control_operation* control() const noexcept { return control_; }

    /// How a direction finished, if it did. A transport may set it without an operation at hand.
    [[nodiscard]] const std::optional<error>& read_end() const noexcept { return read_end_; }
    [[nodiscard]] const std::optional<error>& write_end() const noexcept { return write_end_; }
    void finish_reading(error why) noexcept;
    void finish_writing(error why) noexcept;

private:
    friend class read_operation;
    friend class write_operation;
    friend class control_operation;

    void submit(control_operation& op) noexcept;
    void withdraw(control_operation& op) noexcept;
    void take_back_shutdown() noexcept;
    /// Hands the next control operation to the transport, once nothing before it is pending.
    void start_next_control() noexcept {
        if (first_queued_ != nullptr) {
            run_controls();
        }
    }
    void run_controls() noexcept;

    read_operation* reader_ = nullptr;
    write_operation* writer_ = nullptr;
    control_operation* control_ = nullptr;      // with the transport
    control_operation* first_queued_ = nullptr; // until the write and the control before are done
    std::optional<error> read_end_;
    std::optional<error> write_end_;
    bool told_ = false; // the transport was asked to tell the peer that no more comes
    bool closing_ = false;
    bool ended_ = false; // closed or aborted: nothing left to free
};

/// How flows are passed around.
using flow_ptr = std::unique_ptr<flow>;

} // namespace runnel::inline v0
