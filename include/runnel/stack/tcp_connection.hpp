// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/stack/tcp_environment.hpp"
#include "runnel/stack/tcp_receiver.hpp"
#include "runnel/stack/tcp_rest.hpp"
#include "runnel/stack/tcp_segment.hpp"
#include "runnel/stack/tcp_sender.hpp"
#include "runnel/stack/time_wait.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace runnel::inline v0::stack {

/// The states of RFC 9293 3.3.2. LISTEN is no state of a connection here: listeners make them.
enum class tcp_state : std::uint8_t {
    closed,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};

/// The RFC's name of a state, as in "FIN-WAIT-1".
[[nodiscard]] std::string_view name(tcp_state state) noexcept;

/// What happened since `take_events` was called last: whom to wake.
struct tcp_events {
    bool connected : 1 = false;    // the connection is open
    bool readable : 1 = false;     // there is more to read
    bool finished : 1 = false;     // the peer's stream is complete: after the data comes its end
    bool writable : 1 = false;     // there is room again
    bool sent : 1 = false;         // nothing is left unsent
    bool acknowledged : 1 = false; // the peer has everything, the end of our stream too
    bool ended : 1 = false;        // the connection is over; `failure()` says how
    [[nodiscard]] bool any() const noexcept {
        return connected || readable || finished || writable || sent || acknowledged || ended;
    }
};

/// What a handshake agreed on, whoever led it: with it a connection can begin in ESTABLISHED.
struct tcp_handshake {
    sequence local_first;  // our ISN
    sequence remote_first; // the peer's ISN
    std::uint16_t peer_segment_size = 536;
    std::uint32_t peer_window = 0; // scaled
    std::optional<std::uint8_t> peer_scale;
    std::uint16_t offered_window = 0; // what our SYN-ACK offered, unscaled
    bool selective_ack = false;
    bool timestamps = false;
    bool ecn = false;
    std::uint32_t timestamp_offset = 0; // of our clock
    std::uint32_t peer_timestamp = 0;   // the peer's last
};

/// A snapshot of a connection, for people and for metrics.
struct tcp_info {
    tcp_state state{};
    std::string_view congestion;
    tcp_sender::bottleneck limited_by{};
    std::uint32_t congestion_window = 0; // bytes
    std::uint32_t slow_start_threshold = 0;
    std::uint32_t in_flight = 0;
    std::uint32_t send_window = 0;
    std::uint32_t receive_window = 0;
    std::uint32_t receive_limit = 0;
    std::uint32_t segment_size = 0;
    std::size_t unsent = 0;
    std::size_t unacknowledged = 0;
    std::size_t readable = 0;
    duration round_trip{};
    duration round_trip_variation{};
    duration round_trip_minimum{};
    duration retransmission_timeout{};
    std::uint64_t delivered = 0; // bytes the peer acknowledged
    std::uint64_t received = 0;  // bytes of payload that came
    std::uint64_t retransmitted = 0;
    std::uint64_t delivery_rate = 0; // bytes a second
    std::uint64_t pacing_rate = 0;
    bool recovering = false;
    bool timestamps = false;
    bool selective_ack = false;
    bool ecn = false;
    bool window_scaling = false;
};

/// How a segment came, beside what is in it.
struct tcp_arrival {
    bool congestion_marked = false; // CE in the IP header (RFC 3168)
};

/// One TCP connection (RFC 9293) as a pure machine.
///
/// In go segments (`receive`), times (`on_timer`) and what the program calls, each with the time;
/// out come segments (`transmit`, called until it gives none), `take_events` and `deadline`. After
/// any call both may have changed. A driver that hands in a whole burst before it calls `transmit`
/// gets one acknowledgment for all of it.
///
/// Nothing here allocates for a segment once queues have grown to their sizes, and no peer can make
/// it hold more than its buffers and the bounds of `scoreboard` and `receive_queue`.
class tcp_connection {
public:
    /// A connection between two ports in CLOSED. `first`: its ISN; `timestamp_offset`: added to its
    /// clock (RFC 7323 5.4).
    tcp_connection(tcp_environment& environment, std::uint16_t local_port,
                   std::uint16_t remote_port, sequence first,
                   std::uint32_t timestamp_offset) noexcept;
    tcp_connection(const tcp_connection&) = delete;
    tcp_connection& operator=(const tcp_connection&) = delete;

    /// What the way to the peer carries: payload bytes of a segment without options, also offered
    /// to the peer, and of a super-segment. Before it opens; else the configuration's limits count.
    void set_way(std::uint16_t max_segment_size, std::uint32_t max_send_size) noexcept;

    // ---- opening: one of these, once

    /// Sends a SYN.
    void open(time_point now);
    /// Answers a SYN that came to a listener.
    void answer(const tcp_header& syn, time_point now);
    /// Goes on from a handshake that a half-open entry or a cookie kept.
    void resume(const tcp_handshake& terms, time_point now);

    // ---- network

    /// Takes a segment that is for this connection. Its checksum is verified already.
    void receive(const tcp_header& header, buffer payload, tcp_arrival how, time_point now);
    /// Writes the next segment to send. False if there is none now; `out` is then meaningless.
    [[nodiscard]] bool transmit(tcp_segment& out, time_point now);
    /// When `on_timer` wants to be called, if nothing else happens before.
    [[nodiscard]] time_point deadline() const noexcept;
    void on_timer(time_point now);
    /// An ICMP error that quoted a segment of ours; ignored unless the quoted place is in flight
    /// (RFC 5927 4). A hard error ends only a connection that is not open yet. `segment_size`: what
    /// now fits, options not taken off; it is believed.
    void on_icmp_unreachable(sequence quoted, time_point now);
    void on_icmp_too_big(sequence quoted, std::uint16_t segment_size, time_point now);
    /// Our address is gone: the connection ends as `unreachable`.
    void on_address_removed() noexcept;

    // ---- program

    /// Takes as much of `data` as there is room for, moved out of it, and gives how much.
    std::size_t write(buffer& data, time_point now);
    [[nodiscard]] std::size_t write_room() const noexcept;
    /// Sends all that is written without waiting to fill a segment.
    void push() noexcept { sender_.push(); }
    void set_no_delay(bool on) noexcept { sender_.set_no_delay(on); }
    void set_cork(bool on) noexcept { sender_.set_cork(on); }
    void set_keepalive(const tcp_keepalive& keepalive, time_point now) noexcept;
    void set_user_timeout(duration limit) noexcept { user_timeout_ = limit; }
    /// The next bytes in order; empty if there are none now.
    [[nodiscard]] buffer read(time_point now);
    [[nodiscard]] std::size_t read_into(std::span<std::byte> target, time_point now);
    [[nodiscard]] std::size_t readable() const noexcept { return receiver_.readable(); }
    /// The peer's stream is complete; once nothing is readable, this is the end.
    [[nodiscard]] bool finished() const noexcept { return receiver_.finished(); }
    /// A FIN follows what is written.
    void shutdown_write(time_point now);
    /// What arrives is dropped from now on, so that the peer is never blocked.
    void shutdown_read();
    /// Nobody holds the connection any more, which bounds how long it waits for the peer.
    void orphan(time_point now) noexcept;
    /// Ends it at once, with a RST if the peer knows of it.
    void abort(time_point now);

    // ---- how it stands

    [[nodiscard]] tcp_state state() const noexcept { return state_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return local_port_; }
    [[nodiscard]] std::uint16_t remote_port() const noexcept { return remote_port_; }
    /// Why it ended: `reset`, `refused`, `timed_out`, `unreachable`, `aborted`; none for a clean
    /// end.
    [[nodiscard]] std::optional<errc> failure() const noexcept { return failure_; }
    tcp_events take_events() noexcept { return std::exchange(events_, {}); }
    [[nodiscard]] const tcp_events& events() const noexcept { return events_; }
    [[nodiscard]] tcp_info info(time_point now) const noexcept;
    [[nodiscard]] const tcp_sender& sender() const noexcept { return sender_; }
    [[nodiscard]] const tcp_receiver& receiver() const noexcept { return receiver_; }
    /// Whether the connection is open and has nothing to do, so that `rest()` can stand for it.
    [[nodiscard]] bool may_rest() const noexcept;
    /// All that has to be kept while it has nothing to do but what `deadline()` says. `last_used`:
    /// when it had something to do.
    [[nodiscard]] tcp_rest rest(time_point last_used) const;
    /// Goes on from there, in a connection that is not open, with the deadline it had.
    void wake(const tcp_rest& from, time_point idle_deadline);
    /// In TIME-WAIT: all that has to be kept, so that the connection itself can go.
    [[nodiscard]] time_wait_entry time_wait() const noexcept;

private:
    // What the options of every segment take, when both sides use timestamps (RFC 7323 appendix A).
    static constexpr std::uint16_t timestamps_size = 12;
    // A peer that claims to take less is not obeyed: its segments would be mostly headers, which is
    // an attack on the sender (CVE-2019-11479). No link carries less.
    static constexpr std::uint16_t least_segment_size = 48;

    enum class ack_verdict : std::uint8_t { process, ignore };

    // tcp_connection.cpp
    void fail(errc how) noexcept;
    void enter(tcp_state next) noexcept { state_ = next; }
    void establish(const tcp_handshake& terms, time_point now);
    void enter_time_wait(time_point now);
    void watch_idle(time_point now) noexcept;
    [[nodiscard]] std::uint8_t own_scale() const noexcept;
    [[nodiscard]] bool may_write() const noexcept;
    [[nodiscard]] bool synchronized() const noexcept;

    // tcp_input.cpp
    void receive_in_syn_sent(const tcp_header& header, buffer payload, time_point now);
    void receive_in_time_wait(const tcp_header& header, std::uint32_t length, time_point now);
    void receive_synchronized(tcp_header header, buffer payload, tcp_arrival how, time_point now);
    [[nodiscard]] bool check_age(const tcp_header& header, std::uint32_t length, time_point now);
    [[nodiscard]] bool check_window(const tcp_header& header, std::uint32_t length, time_point now);
    [[nodiscard]] bool check_syn(tcp_header& header, time_point now);
    [[nodiscard]] bool check_ack(const tcp_header& header, time_point now);
    void take_reset(const tcp_header& header, time_point now);
    void take_ack(const tcp_header& header, bool payload, time_point now);
    void take_payload(const tcp_header& header, buffer payload, tcp_arrival how, time_point now);
    void take_fin(time_point now);
    void complete_handshake(const tcp_header& header, time_point now);
    void read_syn(const tcp_header& syn) noexcept;
    void challenge(time_point now);
    void reset_peer(const tcp_header& header, std::uint32_t length) noexcept;

    // tcp_output.cpp
    bool transmit_syn(tcp_segment& out, time_point now);
    bool transmit_reset(tcp_segment& out) noexcept;
    bool transmit_ack(tcp_segment& out, time_point now);
    void finish_header(tcp_segment& out, time_point now);
    [[nodiscard]] std::uint16_t offered_in_syn() const noexcept;
    void on_handshake_timer(time_point now);
    void on_idle_timer(time_point now);

    tcp_environment* environment_;
    tcp_sender sender_;
    tcp_receiver receiver_;
    tcp_handshake terms_;
    time_point handshake_deadline_ = never;
    time_point handshake_began_{};
    time_point idle_deadline_ = never; // keepalive, TIME-WAIT, or how long an orphan waits
    time_point last_challenge_{};
    tcp_keepalive keepalive_;
    duration user_timeout_;
    std::uint32_t peer_timestamp_ = 0; // TS.Recent
    time_point peer_timestamp_at_{};
    std::uint32_t unanswered_probes_ = 0;
    sequence reset_number_;
    sequence reset_ack_;
    std::uint16_t max_segment_size_;
    std::uint16_t local_port_;
    std::uint16_t remote_port_;
    std::uint8_t handshake_tries_ = 0;
    std::uint8_t challenges_ = 0;
    tcp_state state_ = tcp_state::closed;
    tcp_events events_;
    std::optional<errc> failure_;
    bool active_ = false; // we began the handshake
    bool scaling_ = false;
    bool syn_due_ = false;
    bool reset_due_ = false;
    bool reset_acknowledges_ = false;
    bool keepalive_due_ = false;
    bool write_closed_ = false;
    bool orphaned_ = false;
    bool echo_mark_ = false; // ECE until the peer's CWR
    bool was_full_ = false;  // somebody was told that there is no room
};

} // namespace runnel::inline v0::stack
