// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/flow/flow_operation.hpp"
#include "runnel/flow/kernel_stream.hpp"
#include "runnel/host/unique_fd.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <sys/uio.h>

namespace runnel::inline v0::host {

/// What carries a stream, as far as its calls differ.
enum class stream_kind : std::uint8_t {
    tcp,
    local, ///< a Unix or vsock socket
    other, ///< a pipe, terminal or device
};

/// What a stream is told when it is made.
struct stream_options {
    /// TCP: TCP_NODELAY and TCP_CORK are set, so that `flush` knows what holds data back.
    bool nodelay = false;
    bool cork = false;
    /// TCP: the SYN waits for the first write (TCP_FASTOPEN_CONNECT).
    bool unsent_syn = false;
    /// TCP: how long `close` waits for the peer's acknowledgement; negative: not at all.
    std::chrono::milliseconds linger{-1};
    /// Writes of at least so many bytes go out without a copy; 0: none.
    std::uint32_t zero_copy = 0;
};

class ancillary;
class bystander;
class stream;
struct tcp_progress;
struct drop_stream {
    void operator()(stream* dropped) const noexcept;
};
/// Held by the flow in front of a stream. The stream itself lives on until the kernel has let go of
/// its requests.
using stream_ptr = std::unique_ptr<stream, drop_stream>;

/// A flow's work over one connected descriptor, or over two one-way ones: the calls of `flow`
/// without the rules, which `flow` itself keeps.
///
/// Of each direction at most one request is with the backend. A read that is cancelled may leave
/// one behind; what it still receives waits in the stash for the next read.
class stream final : public kernel_stream {
public:
    /// Takes a non-blocking descriptor over. Errors: those of `io_backend::attach`.
    [[nodiscard]] static result<stream_ptr> open(unique_fd file, stream_kind kind,
                                                 const stream_options& options = {});
    /// The same for two, of which one is read and the other written.
    [[nodiscard]] static result<stream_ptr> open(unique_fd input, unique_fd output);

    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    void read(read_operation& op);
    void write(write_operation& op);
    void flush(control_operation& op);
    void shutdown_write(control_operation& op);
    void shutdown_read() noexcept;
    void begin_close() noexcept;
    void close(control_operation& op);
    void abort() noexcept;
    [[nodiscard]] bool cancel(read_operation& op) noexcept;
    [[nodiscard]] bool cancel(write_operation& op) noexcept;
    void cancel(control_operation& op) noexcept;

    [[nodiscard]] std::unique_ptr<bulk_transfer> transfer_to(kernel_stream& sink) override;
    /// Lets somebody use a direction's descriptor for a while. False if it cannot be used in this
    /// way now.
    [[nodiscard]] bool join_input(bystander& user) noexcept;
    [[nodiscard]] bool join_output(bystander& user) noexcept;
    void leave(bystander& user) noexcept;
    /// Asks for one call of `on_input` or `on_output`, within this call or later.
    void await_input() noexcept;
    void await_output() noexcept;
    /// What the user's calls met: bytes it wrote, an errno of a read, an errno of a write.
    void note_written(std::size_t bytes) noexcept { accepted_ += bytes; }
    void note_input_error(int number) noexcept;
    void note_output_error(int number) noexcept;

    /// The descriptor that is read from, or -1 once it is closed.
    [[nodiscard]] int fd() const noexcept { return open_ ? file_.fd() : -1; }
    [[nodiscard]] int output_fd() const noexcept { return open_ ? out_.file->fd() : -1; }
    /// For requests of others before the first operation.
    [[nodiscard]] descriptor& file() noexcept { return file_; }
    [[nodiscard]] stream_kind kind() const noexcept { return kind_; }
    /// What passes descriptors over a Unix socket, made when first asked for.
    [[nodiscard]] const std::shared_ptr<ancillary>& passing();
    void set_nodelay(bool on) noexcept { options_.nodelay = on; }
    void set_cork(bool on) noexcept { options_.cork = on; }

private:
    friend struct drop_stream;

    /// One direction's request.
    struct request final : io_request {
        request(stream& user, descriptor& target, function done) noexcept
            : io_request(target, done), owner(user) {}
        stream& owner;
        bool cancelled = false; ///< by us: it may end with -ECANCELED
    };
    struct wakeup final : timer {
        wakeup(stream& user, function fire) noexcept : timer(fire), owner(user) {}
        stream& owner;
    };

    static constexpr int still_open = 0;
    static constexpr int ended = -1;

    stream(int fd, stream_kind kind, const stream_options& options);
    ~stream();

    // stream.cpp
    [[nodiscard]] bool is_socket() const noexcept { return kind_ != stream_kind::other; }
    [[nodiscard]] bool take_back(request& pending) noexcept;
    void yield() noexcept;
    void send_fin() noexcept;
    void push() noexcept;
    void settle_close() noexcept;
    void finish_close(std::optional<error> why) noexcept;
    void watch_progress() noexcept;
    void check_progress() noexcept;
    void check_control(const tcp_progress& now) noexcept;
    [[nodiscard]] int lost_connection() noexcept;
    void reset_connection() noexcept;
    void release() noexcept;
    void finish_release() noexcept;
    void close_files() noexcept;

    // stream_bystander.cpp
    void dismiss(bystander*& user) noexcept;

    // stream_read.cpp
    void on_input() noexcept;
    void pump_reading() noexcept;
    [[nodiscard]] bool wants_input() const noexcept;
    [[nodiscard]] bool is_full() const noexcept;
    [[nodiscard]] bool waits_for_reader() const noexcept;
    void prepare_receive() noexcept;
    void received() noexcept;
    void received_into() noexcept;
    void deliver(buffer data) noexcept;
    void adapt_size(std::size_t got) noexcept;
    void input_failed(int number) noexcept;
    void input_finished() noexcept;
    void input_ended(int how) noexcept;
    [[nodiscard]] std::optional<error> end_of_reading() const noexcept;

    // stream_write.cpp
    void on_output() noexcept;
    void pump_writing() noexcept;
    void prepare_send() noexcept;
    void sent() noexcept;
    void all_accepted() noexcept;
    void output_failed(int number) noexcept;
    void output_ended(int number) noexcept;
    void end_writer(std::optional<error> why) noexcept;
    [[nodiscard]] std::optional<error> end_of_writing() const noexcept;

    loop& loop_;
    io_backend& io_; // also while the loop is being destroyed
    descriptor file_;
    std::unique_ptr<descriptor> output_; // where writes go elsewhere
    request in_;
    request out_;
    read_operation* reader_ = nullptr;
    write_operation* writer_ = nullptr;
    control_operation* control_ = nullptr;
    bystander* input_user_ = nullptr;
    bystander* output_user_ = nullptr;
    /// What was received and not read yet: by a read cancelled too late, or during a close.
    buffer_queue stash_;
    iovec target_{};                // of a receive into the caller's memory
    std::array<iovec, 4> pieces_{}; // of a send
    buffer more_pieces_;            // iovecs too
    std::shared_ptr<ancillary> passing_;
    wakeup resume_;
    wakeup progress_;
    time_point linger_until_ = never;
    duration pace_{};
    std::uint64_t accepted_ = 0; // bytes, ever
    std::uint64_t flushed_at_ = 0;
    stream_options options_;
    /// How a direction finished: `still_open`, `ended`, or an errno.
    int read_end_ = still_open;
    int write_end_ = still_open;
    /// The errno that ended both directions, which the kernel tells only once; or 0.
    int broken_ = 0;
    stream_kind kind_;
    std::uint8_t receive_class_ = 0;
    /// Turns of the loop that a reader has yet to come in, before a close discards something.
    std::uint8_t patience_ = 0;
    bool open_ = true;
    bool fin_sent_ = false;
    bool sent_in_part_ = false; // once at least
    bool discarding_ = false;   // shutdown(read)
    bool closing_ = false;
    bool cut_ = false;         // the close has discarded something
    bool input_waits_ = false; // during a close, with a full stash: there is more, data or the end
    bool input_awaited_ = false; // by the bystander
    bool output_awaited_ = false;
    bool aborted_ = false;
    bool retiring_ = false; // closes its files as soon as no request is pending
    bool dropped_ = false;  // the flow is gone
};

} // namespace runnel::inline v0::host
