// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "context.hpp"
#include "engine.hpp"

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/flow/flow.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0::tls {

/// How long the flow below has for its own end, once both sides have said close_notify, or a fatal
/// alert is on its way.
constexpr duration linger = std::chrono::seconds(1);
/// Bytes read from the flow below at a time.
constexpr std::size_t input_chunk = std::size_t{64} * 1024;

/// A session on its flow: what moves bytes between the engine and the flow below, for the
/// operations of the flow above.
///
/// Two coroutines do the waiting, each while there is something to do: one writes records, the
/// other reads them. They hold the core, and live on for a while when the flow above is gone.
class core : public std::enable_shared_from_this<core> {
public:
    core(flow_ptr transport, prepared_session ready, const common_options& options)
        : below(std::move(transport)), config_(std::move(ready.config)),
          made_(std::move(ready.made)), tls(std::move(ready.ssl)),
          half_close_below_(options.half_close_below), on_pool_(options.handshake_on_pool) {
        tls.session_key = std::move(ready.name);
    }

    flow_ptr below;

private:
    // What the callbacks of the engine refer to.
    std::shared_ptr<const void> config_;
    std::shared_ptr<context> made_;

public:
    engine tls;

    /// Exchanges messages until the handshake is done; at most `limit` bytes from the peer.
    task<result<void>> handshake(std::size_t limit);

    // The operations of the flow above, under the rules of `flow`.
    void read(read_operation& op);
    void write(write_operation& op);
    void flush(control_operation& op);
    void shutdown_write(control_operation& op);
    void shutdown_read();
    void begin_close();
    void close(control_operation& op);
    void abort() noexcept;
    void forget_reader() noexcept;
    void forget_writer() noexcept { writer_ = nullptr; }
    void forget_control() noexcept { control_ = nullptr; }

    /// Sends what the engine has for the peer.
    void start_sending();
    /// Goes on with a handshake that early data has interrupted, until `deadline`.
    void finish_handshake(time_point deadline);

private:
    enum class waiting_for : std::uint8_t { flush, shutdown, close };

    static task<void> send(std::shared_ptr<core> self);
    static task<void> send_later(std::shared_ptr<core> self);
    static task<void> receive(std::shared_ptr<core> self);
    static task<void> finish_close(std::shared_ptr<core> self);
    task<result<void>> exchange_output();
    task<result<engine::status>> step_of_handshake();

    void start_receiving();
    void fill();
    void serve_reader();
    void digest();
    void keep_or_drop();
    void advance();
    [[nodiscard]] bool note_sent(const write_result& sent);
    [[nodiscard]] bool note_failure(const error& why);
    [[nodiscard]] bool wants_input() const noexcept;
    [[nodiscard]] bool overfull() const noexcept;

    buffer_queue kept_; // plaintext that nobody has read yet; only during a close
    read_operation* reader_ = nullptr;
    write_operation* writer_ = nullptr;
    control_operation* control_ = nullptr;
    std::optional<error> write_error_; // of the flow below
    /// The turn of the loop in which records last left.
    std::uint64_t sent_in_turn_ = std::numeric_limits<std::uint64_t>::max();
    time_point handshake_deadline_ = never;
    std::uint64_t flushes_asked_ = 0;
    std::uint64_t flushes_done_ = 0;
    waiting_for control_kind_ = waiting_for::flush;
    bool half_close_below_;
    bool on_pool_; // the steps of the handshake
    bool nodelay_ = false;
    bool sending_ = false;
    bool gathering_ = false; // records wait for the end of the turn
    bool receiving_ = false;
    bool discarding_ = false; // the reader wants no more
    bool closing_ = false;    // a close has begun
    bool dropping_ = false;   // what was kept has filled its room, and nobody reads
    bool cut_ = false;        // that has cost bytes: reading ends with `closed`
    bool finishing_ = false;  // we have said, or will say, that no more comes
    bool told_below_ = false;
    bool ending_ = false; // the close of the flow below runs
    bool aborted_ = false;
};

} // namespace runnel::inline v0::tls
