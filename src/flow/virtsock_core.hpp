// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer_list.hpp"
#include "runnel/flow/flow.hpp"
#include "side_task.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace runnel::inline v0 {

/// Takes the words and the data of a virtsock stream apart.
class virtsock_parser {
public:
    enum class kind : std::uint8_t {
        nothing, ///< all was used up
        data,
        shutdown_read,
        shutdown_write,
        close,
        bad, ///< a length above the limit, or data after its end: `word()` is the reason
    };
    struct item {
        kind what;
        std::size_t size; ///< of data: so many bytes from the front of the input
    };

    /// Reads the next item from the front of `input` and says in `used` how much of the input it
    /// took, of data nothing: the caller takes that off itself.
    [[nodiscard]] item next(std::span<const std::byte> input, std::size_t& used) noexcept;

    /// Whether the stream may stop here: between two items.
    [[nodiscard]] bool is_between() const noexcept { return left_ == 0 && have_ == 0; }
    [[nodiscard]] std::uint32_t word() const noexcept { return word_; }

private:
    [[nodiscard]] item understand() noexcept;

    std::array<std::byte, 4> header_{};
    std::size_t have_ = 0;
    std::size_t left_ = 0; // of the current message
    std::uint32_t word_ = 0;
    bool ended_ = false;
};

/// What a virtsock flow and its two pumps share. Lives until the pumps are done.
class virtsock_core : public std::enable_shared_from_this<virtsock_core> {
public:
    explicit virtsock_core(flow_ptr below) noexcept : below_(std::move(below)) {}

    [[nodiscard]] flow& below() noexcept { return *below_; }

    void start_reading();
    void read(read_operation& op);
    void write(write_operation& op);
    void flush(control_operation& op);
    void shutdown_write(control_operation& op);
    void shutdown_read();
    void begin_close();
    void close(control_operation& op);
    void abort() noexcept;
    void forget_reader() noexcept { reader_ = nullptr; }
    void forget_writer() noexcept { writer_ = nullptr; }
    void forget_control() noexcept { flusher_ = closer_ = nullptr; }

private:
    task<void> pump_input();
    task<void> pump_output();
    task<result<void>> send_some();
    void start_writing();

    [[nodiscard]] bool wants_input() const noexcept;
    [[nodiscard]] bool is_full() const noexcept;
    void take(buffer data);
    void deliver(buffer data);
    void understood(virtsock_parser::kind what);
    void input_ended(error why);
    void break_down(error why);
    void output_failed(error why);
    void tell(std::uint32_t word);
    void tell_end();
    void fill_outbox();
    [[nodiscard]] bool is_over() const noexcept;
    void end_closer();
    void fail_closer(error why);
    void end_reader();
    void end_writer();
    void end_flusher(const result<void>& outcome);

    flow_ptr below_;
    virtsock_parser parser_;
    buffer_queue inbox_;
    buffer_queue outbox_;
    read_operation* reader_ = nullptr;
    write_operation* writer_ = nullptr;
    control_operation* flusher_ = nullptr;
    control_operation* closer_ = nullptr;
    side_task input_;
    side_task output_;
    std::optional<error> read_end_;  // how reading ends once the inbox is empty
    std::optional<error> write_end_; // why nothing can be written any more
    bool told_ = false;              // the peer, that we write no more
    bool close_told_ = false;
    bool peer_gone_ = false; // it has said that it neither reads nor writes any more
    bool peer_reads_ = true;
    bool input_over_ = false;
    bool discarding_ = false;
    bool closing_ = false;
    bool cut_ = false; // the close has discarded something
    bool below_closed_ = false;
    bool gone_ = false; // the flow below has closed
    bool aborted_ = false;
};

} // namespace runnel::inline v0
