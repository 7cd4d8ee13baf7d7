// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "alarm.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/time.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/kernel_stream.hpp"
#include "side_task.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace runnel::inline v0 {

/// The engine of `copy` and `proxy`: one coroutine reads; another writes what was read, starts with
/// the first piece that is there and is done when nothing is left. A write that does not have to
/// wait is therefore done before the next read begins. Bulk data between two streams of the kernel
/// is left to the kernel.
class copier final : private bulk_observer {
public:
    /// `linger`: how long what was read may take to be written once the source failed.
    copier(flow& source, flow& sink, const copy_options& options,
           duration linger = duration::max()) noexcept;

    /// Copies until an end; after that `outcome` is complete.
    task<void> run();

    /// Ends the copy as if its task had been asked to stop, also before it runs.
    void request_stop(stop_reason reason) noexcept {
        asked_to_stop_ = reason;
        stop_.request_stop(reason);
    }

    [[nodiscard]] const copy_statistics& statistics() const noexcept { return *statistics_; }
    /// Bytes of the write under way that the sink has accepted so far.
    [[nodiscard]] std::size_t partly_written() const noexcept;

    copy_result outcome;

private:
    /// Buffers of one write, and as many that wait for the next. Bounds the memory that tiny reads
    /// can tie up, each in a block of its own.
    static constexpr std::size_t most_pieces = 8;
    static_assert(most_pieces >= bulk_transfer::most_left);
    struct pieces {
        std::array<buffer, most_pieces> items;
        std::size_t count = 0;
        std::size_t bytes = 0; // when they were put in
        [[nodiscard]] std::span<buffer> all() noexcept { return {items.data(), count}; }
    };
    [[nodiscard]] bool has_room() const noexcept;
    [[nodiscard]] std::size_t next_read() const noexcept;
    [[nodiscard]] bool wants_more() const noexcept;
    task<void> read_all();
    void take(buffer data);
    void queue(buffer data) noexcept;
    void start_writer();
    [[nodiscard]] bool is_bulky() const noexcept;
    task<void> move_in_bulk();
    void moved(std::size_t read, std::size_t written) noexcept override;
    task<void> write_all();
    void note_activity() noexcept;
    void give_up() noexcept { request_stop(stop_reason::deadline); }
    void finish() noexcept;

    flow& source_;
    flow& sink_;
    copy_options options_;
    duration linger_;
    copy_statistics* statistics_;
    stop_reason asked_to_stop_ = stop_reason::none;
    task_stop stop_;      // of everything
    task_stop reading_;   // of reading alone
    int large_reads_ = 0; // in a row
    bool bulk_possible_ = true;
    event room_{event_reset::automatic};
    std::array<pieces, 2> pieces_;
    pieces* writing_ = &pieces_[0];
    pieces* waiting_ = &pieces_[1];
    side_task writer_;
};

} // namespace runnel::inline v0
