// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/congestion.hpp"
#include "runnel/stack/path_search.hpp"
#include "runnel/stack/rtt_estimator.hpp"
#include "runnel/stack/scoreboard.hpp"
#include "runnel/stack/send_buffer.hpp"
#include "runnel/stack/tcp_config.hpp"
#include "runnel/stack/tcp_counters.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace runnel::inline v0::stack {

/// What both sides agreed on when the connection opened, as it concerns sending.
struct sender_terms {
    sequence first;                 // the place of the first byte of data
    sequence peer_number;           // of the segment that gave the peer's window
    std::uint16_t segment_size = 0; // payload bytes a segment, options already taken off
    std::uint8_t window_scale = 0;  // of the peer's windows
    bool selective_ack = false;
    bool timestamps = false;
    bool ecn = false;
};

struct tcp_rest;

/// What an acknowledgment did.
struct sender_progress {
    bool advanced = false;      // something new is acknowledged
    bool fin_acked = false;     // our FIN, just now
    bool window_opened = false; // the peer's window lets more be sent
};

/// The sending half of a connection: what is to be sent, when, and again.
///
/// Recovery is RACK-TLP (RFC 8985) where the peer reports SACKs, else NewReno (RFC 6582); the
/// window during it follows PRR (RFC 6937). Needless recoveries are noticed by timestamps (Eifel,
/// RFC 3522), by DSACK (RFC 3708) and, for timeouts, by F-RTO (RFC 5682), and undone (RFC 4015).
class tcp_sender {
public:
    tcp_sender(const tcp_config& config, tcp_counters& counters) noexcept
        : config_(&config), counters_(&counters), rtt_(config.retransmission),
          max_send_size_(config.max_send_size) {}

    /// The most payload bytes of one super-segment.
    void set_max_send_size(std::uint32_t bytes) noexcept { max_send_size_ = bytes; }
    /// The handshake is done; `window` is the peer's, already scaled.
    void start(const sender_terms& terms, std::uint32_t window, time_point now);

    // ---- what the program does

    /// Bytes that may still be written.
    [[nodiscard]] std::size_t room() const noexcept;
    /// Takes as much of `data` as there is room for; the rest stays in it. Gives how much.
    std::size_t write(buffer& data);
    /// Sends what is there without waiting for more (PSH), also small segments.
    void push() noexcept { push_end_ = data_end(); }
    /// No more will be written: a FIN follows the data.
    void finish() noexcept { finishing_ = true; }
    void set_no_delay(bool on) noexcept { no_delay_ = on; }
    void set_cork(bool on) noexcept { corked_ = on; }

    // ---- what comes in

    /// Takes an acceptable acknowledgment, one of `una() <= ack <= next()`. `payload`: whether the
    /// segment carried data, so that it is no duplicate acknowledgment.
    sender_progress on_ack(const tcp_header& header, bool payload, time_point now);
    /// A time of `deadline()` has come.
    void on_timer(time_point now);
    /// The path takes segments of this size at most (RFC 8201, RFC 8899).
    void on_path_mtu(std::uint16_t segment_size, time_point now);

    // ---- what goes out

    /// Writes the next segment, if one is due: its place, payload, segment size and flags. False if
    /// nothing may be sent now.
    bool next_segment(tcp_segment& out, time_point now);
    [[nodiscard]] time_point deadline() const noexcept;

    // ---- how it stands

    [[nodiscard]] sequence una() const noexcept { return una_; }
    [[nodiscard]] sequence next() const noexcept { return next_; }
    [[nodiscard]] bool fin_sent() const noexcept { return fin_sent_; }
    [[nodiscard]] bool fin_acked() const noexcept { return fin_acked_; }
    [[nodiscard]] std::size_t unsent() const noexcept { return data_end() - data_sent(); }
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return data_.bytes(); }
    [[nodiscard]] bool outstanding() const noexcept { return !board_.empty(); }
    /// Since when the peer has made no progress, if it has to.
    [[nodiscard]] time_point stalled_since() const noexcept { return stalled_since_; }
    [[nodiscard]] std::uint32_t peer_window() const noexcept { return window_; }
    [[nodiscard]] std::uint32_t largest_window() const noexcept { return largest_window_; }
    [[nodiscard]] std::uint32_t segment_size() const noexcept { return segment_size_; }
    [[nodiscard]] std::uint32_t in_flight() const noexcept;
    [[nodiscard]] std::uint32_t congestion_window() const noexcept;
    [[nodiscard]] const rtt_estimator& rtt() const noexcept { return rtt_; }
    rtt_estimator& rtt() noexcept { return rtt_; }
    [[nodiscard]] const congestion* control() const noexcept { return control_.get(); }
    [[nodiscard]] const scoreboard& board() const noexcept { return board_; }
    [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_; }
    [[nodiscard]] std::uint64_t retransmitted() const noexcept { return retransmitted_; }
    [[nodiscard]] std::uint64_t delivery_rate() const noexcept { return delivery_rate_; }
    [[nodiscard]] bool recovering() const noexcept { return state_ != state::open; }
    /// What keeps more from being sent.
    enum class bottleneck : std::uint8_t { application, window, congestion, pacing };
    [[nodiscard]] bottleneck limited_by(time_point now) const noexcept;

    /// Whether nothing is sent, waited for or to be sent; what then has to be kept; and how a new
    /// one goes on from it.
    [[nodiscard]] bool may_rest() const noexcept;
    void rest(tcp_rest& out) const noexcept;
    void wake(const tcp_rest& from);

    /// Drops all data and stops all timers.
    void clear() noexcept;

private:
    enum class state : std::uint8_t { open, recovery, loss };
    enum class timer : std::uint8_t { none, retransmission, probe, persist };
    enum class frto : std::uint8_t { off, first_ack, second_ack };

    [[nodiscard]] std::uint32_t data_end() const noexcept {
        return static_cast<std::uint32_t>(data_.bytes()) + data_una_;
    }
    [[nodiscard]] std::uint32_t data_sent() const noexcept { return data_sent_; }

    // tcp_sender.cpp
    void update_window(const tcp_header& header, sender_progress& progress) noexcept;
    void take_sacks(const tcp_header& header, delivery_report& report);
    bool take_duplicate_report(const tcp_header& header) noexcept;
    void take_cumulative(sequence ack, delivery_report& report, sender_progress& progress,
                         time_point now);
    void take_path_probe(time_point now) noexcept;
    void take_round_trip(const tcp_header& header, const delivery_report& report, time_point now);
    void count_duplicate(const tcp_header& header, bool payload, std::uint32_t old_window,
                         const delivery_report& report) noexcept;
    void inform_control(const tcp_header& header, const delivery_report& report,
                        std::uint32_t prior_in_flight, std::uint32_t lost, time_point now);

    // tcp_recovery.cpp
    void update_rack(const tcp_header& header, const delivery_report& report,
                     time_point now) noexcept;
    void detect_losses(time_point now) noexcept;
    [[nodiscard]] duration reorder_window() const noexcept;
    void lose_first() noexcept;
    void recover(const tcp_header& header, const delivery_report& report,
                 std::uint32_t prior_in_flight, sequence prior_una, time_point now);
    [[nodiscard]] std::uint32_t flight_size() const noexcept;
    void enter_recovery(std::uint32_t prior_in_flight, time_point now);
    void leave_recovery(time_point now) noexcept;
    void reduce_by_rate(const delivery_report& report, bool advanced, bool lost_more) noexcept;
    void begin_episode(time_point now) noexcept;
    bool undo_if_needless(const tcp_header& header, const delivery_report& report, time_point now);
    void undo(time_point now) noexcept;
    void continue_frto(const delivery_report& report, bool advanced) noexcept;
    void end_loss_probe(const tcp_header& header, time_point now);
    void on_retransmission_timeout(time_point now);
    void on_probe_timeout(time_point now) noexcept;
    void react_to_mark(const tcp_header& header, time_point now) noexcept;

    // tcp_transmit.cpp
    [[nodiscard]] std::uint32_t window_room() const noexcept;
    [[nodiscard]] std::uint32_t congestion_room() const noexcept;
    [[nodiscard]] std::uint32_t burst_limit() const noexcept;
    [[nodiscard]] std::uint32_t new_data_size(bool& whole) const noexcept;
    [[nodiscard]] bool may_send_small(std::uint32_t size, bool whole) const noexcept;
    bool send_path_probe(tcp_segment& out, time_point now);
    [[nodiscard]] bool lost_only_a_probe() noexcept;
    bool send_lost(tcp_segment& out, time_point now);
    bool send_again(scoreboard::handle which, std::uint32_t limit, tcp_segment& out,
                    time_point now);
    bool send_new(tcp_segment& out, std::uint32_t size, bool whole, time_point now);
    bool send_loss_probe(tcp_segment& out, time_point now);
    bool send_window_probe(tcp_segment& out) noexcept;
    void stamp(transmission& what, time_point now) noexcept;
    void pace(std::uint32_t bytes, time_point now) noexcept;
    void arm(time_point now, bool sent = false) noexcept;
    void arm_persist(time_point now) noexcept;
    [[nodiscard]] bool blocked_by_window() const noexcept;

    const tcp_config* config_;
    tcp_counters* counters_;
    send_buffer data_;
    scoreboard board_;
    rtt_estimator rtt_;
    path_search path_;
    std::unique_ptr<congestion> control_;

    sequence una_;
    sequence next_;
    sequence window_number_; // SND.WL1 and SND.WL2
    sequence window_ack_;
    std::uint32_t window_ = 0;
    std::uint32_t largest_window_ = 0;
    std::uint32_t segment_size_ = 0;
    std::uint32_t max_send_size_;
    // Places in the data, counted from the first byte ever written, modulo 2^32.
    std::uint32_t data_una_ = 0;
    std::uint32_t data_sent_ = 0;
    std::uint32_t push_end_ = 0;
    send_buffer::place unsent_place_;

    timer timer_ = timer::none;
    time_point deadline_ = never;
    time_point timeout_at_ = never; // of the retransmission timer, also while a probe comes first
    time_point reorder_deadline_ = never;
    time_point stalled_since_ = never;
    time_point pacing_until_{};
    time_point last_sent_{};

    // RACK (RFC 8985 5.2).
    time_point rack_sent_{};
    sequence rack_end_;
    duration rack_rtt_{};
    sequence forward_most_; // RACK.fack
    std::uint32_t reorder_multiplier_ = 1;
    std::uint32_t reorder_persist_ = 0;
    sequence duplicate_round_end_;

    // Recovery.
    sequence recovery_end_;
    time_point episode_began_{};
    sequence undo_from_;
    std::uint32_t undo_bytes_ = 0;
    std::uint32_t rate_window_ = 0; // PRR's
    std::uint32_t rate_delivered_ = 0;
    std::uint32_t rate_out_ = 0;
    std::uint32_t recovery_flight_ = 0;
    std::uint32_t duplicate_acks_ = 0;
    sequence probe_end_; // of the tail loss probe
    sequence mark_end_;  // marks up to here are answered

    // Rate of delivery.
    std::uint64_t delivered_ = 0;
    time_point delivered_at_{};
    time_point first_sent_{};
    std::uint64_t application_limited_until_ = 0;
    std::uint64_t delivery_rate_ = 0;
    std::uint64_t retransmitted_ = 0;

    state state_ = state::open;
    frto frto_ = frto::off;
    std::uint8_t window_scale_ = 0;
    std::uint8_t persist_backoff_ = 0;
    std::uint8_t timeouts_in_row_ = 0;
    bool started_ = false;
    bool selective_ack_ = false;
    bool timestamps_ = false;
    bool ecn_ = false;
    bool no_delay_ = false;
    bool corked_ = false;
    bool finishing_ = false;
    bool fin_sent_ = false;
    bool fin_acked_ = false;
    bool have_rack_ = false;
    bool reordering_seen_ = false;
    bool can_undo_ = false;
    bool repaired_ = false;          // something was sent again in this episode
    bool probing_loss_ = false;      // a tail loss probe is out
    bool probe_retransmits_ = false; // and was no new data
    bool loss_probe_due_ = false;
    bool window_probe_due_ = false;
    bool override_silly_ = false;
    bool congestion_limited_ = false;
    bool reduced_ = false; // CWR is to be sent
    bool waiting_to_pace_ = false;
};

/// The clock of the timestamps option: milliseconds, before a connection's own offset.
[[nodiscard]] constexpr std::uint32_t timestamp_clock(time_point now) noexcept {
    return static_cast<std::uint32_t>(now.time_since_epoch() / std::chrono::milliseconds(1));
}

} // namespace runnel::inline v0::stack
