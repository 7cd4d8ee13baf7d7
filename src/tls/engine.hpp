// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow_operation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace runnel::inline v0::tls {

/// One TLS session as a state machine around libssl: bytes of the transport in and out, plaintext
/// out and in. Knows no flow, loop or clock.
///
/// Only whole records are handed to libssl, so that it never waits in the middle of one, and the
/// buffer for the plaintext of each can be as large as it needs to be.
class engine {
public:
    /// `ssl` knows already which side it plays.
    explicit engine(ssl_ptr ssl);
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    ~engine();

    enum class status : std::uint8_t {
        done,     ///< the handshake is complete, or data was given
        blocked,  ///< more input is needed
        finished, ///< reading has finished: `read_end()` says how; or the handshake failed
    };

    [[nodiscard]] status handshake();

    /// Between these two the engine touches nothing that belongs to the thread of its loop, so that
    /// `handshake` may be called on another.
    void leave_thread();
    void return_to_thread();
    /// The loop's time, for what the callbacks of a handshake decide by it.
    time_point now{};
    /// Whether bytes of the peer wait to be looked at.
    [[nodiscard]] bool has_input() const noexcept { return !input_.empty(); }

    /// Early data of a client (RFC 8446, section 4.2.10), given before the handshake begins. Goes
    /// with the first flight where that is possible, else after the handshake.
    void send_early(buffer data) noexcept { early_out_ = std::move(data); }
    /// Lets a server read early data: `handshake` is then `done` when some is there, and reading
    /// and writing go on with the rest of it.
    void accept_early() noexcept { reads_early_ = true; }
    [[nodiscard]] std::size_t early_bytes() const noexcept { return early_bytes_; }
    /// Whether the handshake still goes on.
    [[nodiscard]] bool shakes_hands() const noexcept {
        return !established_ && !failure_.has_value();
    }

    /// What came from the transport, in order, and how it ended.
    void receive(buffer ciphertext);
    void receive_end(error how);
    [[nodiscard]] bool input_ended() const noexcept { return input_end_.has_value(); }

    /// Records for the transport, in order, to be taken from the front.
    [[nodiscard]] buffer_queue& output() noexcept { return output_; }

    /// Gives the plaintext of one record, at most `hint` bytes if that is not 0.
    [[nodiscard]] status read(buffer& data, std::size_t hint);
    /// The same into memory, which is not empty.
    [[nodiscard]] status read_into(std::span<std::byte> target, std::size_t& count);
    /// How reading finished, if it did.
    [[nodiscard]] const std::optional<error>& read_end() const noexcept { return read_end_; }

    /// Encrypts from the front of `op` until it is empty or the output has `limit` bytes. False if
    /// the session failed.
    [[nodiscard]] bool write(write_operation& op, std::size_t limit);
    /// Tells the peer that no more comes.
    void close_notify();
    /// The fatal error of the session, if there was one: neither direction goes on.
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

    /// Changes our keys with the next record, and asks the peer to do so, too (RFC 8446, 4.6.3).
    [[nodiscard]] result<void> update_keys(bool ask_peer);

    [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }
    /// The engine behind a session, for callbacks.
    [[nodiscard]] static engine& of(const SSL* ssl) noexcept;
    /// Called when a certificate of the peer is refused. The first reason counts.
    void note_refusal(error why);

    /// Gives libssl's buffers for records back until the next use.
    void release_buffers() noexcept;

    /// Under which a client keeps this session for the next time.
    std::string session_key;

private:
    [[nodiscard]] bool input_ready() noexcept;
    [[nodiscard]] std::size_t next_size() noexcept;
    [[nodiscard]] status step(int returned);
    void prepare_call() noexcept;
    [[nodiscard]] int advance_handshake();
    [[nodiscard]] status read_early(buffer& data, std::size_t hint);
    [[nodiscard]] bool write_early();
    [[nodiscard]] bool finish_handshake();
    [[nodiscard]] bool early_waits() const noexcept { return early_taken_ != early_in_.size(); }
    [[nodiscard]] std::size_t take_early(std::span<std::byte> target) noexcept;
    void note_idle_message() noexcept;
    void fail_session();
    void finish_reading(error why);
    static int bio_read(BIO* bio, char* target, std::size_t size, std::size_t* count);
    static int bio_write(BIO* bio, const char* source, std::size_t size, std::size_t* count);
    static long bio_control(BIO* bio, int command, long number, void* argument);
    static const BIO_METHOD* bio_method();
    static void on_message(int sent, int version, int type, const void* data, std::size_t size,
                           SSL* ssl, void* argument);

    buffer_queue input_;
    buffer_queue output_;
    /// Input and output while the engine is away: buffers belong to one thread.
    struct luggage {
        std::vector<std::byte> input;
        std::size_t consumed = 0;
        std::vector<std::byte> output;

        std::size_t take(std::span<std::byte> target) noexcept;
    };
    std::optional<luggage> away_;
    ssl_ptr ssl_;
    buffer early_out_;
    std::vector<std::byte> early_in_;
    std::size_t early_taken_ = 0;
    std::size_t early_bytes_ = 0;
    std::optional<error> input_end_;
    std::optional<error> read_end_;
    std::optional<error> failure_;
    std::optional<error> refusal_;
    std::optional<std::uint8_t> alert_sent_;
    std::uint64_t records_written_ = 0;
    std::uint32_t idle_messages_ = 0;
    bool framing_ = true;      // until something comes that is no record
    bool established_ = false; // the handshake is done
    bool reads_early_ = false;
    bool wrote_early_ = false;
    bool close_waits_ = false; // for the end of the handshake
    bool keeps_buffers_ = false;
    bool close_sent_ = false;
    bool flooded_ = false;
};

} // namespace runnel::inline v0::tls
