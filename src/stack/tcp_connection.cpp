// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_connection.hpp"

#include "runnel/core/check.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace runnel::inline v0::stack {

std::string_view name(tcp_state state) noexcept {
    constexpr std::array<std::string_view, 10> names{
        "CLOSED",     "SYN-SENT",   "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
        "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",      "LAST-ACK",    "TIME-WAIT"};
    return names[static_cast<std::size_t>(state)];
}

tcp_connection::tcp_connection(tcp_environment& environment, std::uint16_t local_port,
                               std::uint16_t remote_port, sequence first,
                               std::uint32_t timestamp_offset) noexcept
    : environment_(&environment), sender_(environment.config, environment.counters),
      receiver_(environment.config, environment.counters), keepalive_(environment.config.keepalive),
      user_timeout_(environment.config.user_timeout),
      max_segment_size_(environment.config.max_segment_size), local_port_(local_port),
      remote_port_(remote_port) {
    terms_.local_first = first;
    terms_.timestamp_offset = timestamp_offset;
}

void tcp_connection::set_way(std::uint16_t max_segment_size, std::uint32_t max_send_size) noexcept {
    const tcp_config& config = environment_->config;
    max_segment_size_ = std::min(config.max_segment_size, max_segment_size);
    sender_.set_max_send_size(std::min(config.max_send_size, max_send_size));
}

void tcp_connection::open(time_point now) {
    check(state_ == tcp_state::closed && !failure_, "a connection is opened once");
    active_ = true;
    state_ = tcp_state::syn_sent;
    handshake_began_ = now;
    syn_due_ = true;
    ++environment_->counters.connections_opened;
}

void tcp_connection::answer(const tcp_header& syn, time_point now) {
    check(state_ == tcp_state::closed && !failure_, "a connection is opened once");
    read_syn(syn);
    terms_.ecn = environment_->config.ecn && syn.ece && syn.cwr;
    peer_timestamp_at_ = handshake_began_ = now;
    state_ = tcp_state::syn_received;
    syn_due_ = true;
}

void tcp_connection::resume(const tcp_handshake& terms, time_point now) {
    check(state_ == tcp_state::closed && !failure_, "a connection is opened once");
    terms_ = terms;
    establish(terms, now);
}

void tcp_connection::establish(const tcp_handshake& terms, time_point now) {
    scaling_ = environment_->config.window_scaling && terms.peer_scale.has_value();
    std::uint16_t size =
        std::max(std::min(max_segment_size_, terms.peer_segment_size), least_segment_size);
    if (terms.timestamps) {
        size = static_cast<std::uint16_t>(size - timestamps_size);
    }
    sender_terms sending;
    sending.first = terms.local_first + 1;
    sending.peer_number = terms.remote_first;
    sending.segment_size = size;
    sending.window_scale = scaling_ ? *terms.peer_scale : std::uint8_t{0};
    sending.selective_ack = terms.selective_ack;
    sending.timestamps = terms.timestamps;
    sending.ecn = terms.ecn;
    sender_.start(sending, terms.peer_window, now);
    receiver_.start(terms.remote_first + 1, own_scale(), terms.selective_ack, terms.offered_window);
    peer_timestamp_ = terms.peer_timestamp;
    peer_timestamp_at_ = now;
    handshake_deadline_ = never;
    syn_due_ = false;
    state_ = tcp_state::established;
    events_.connected = true;
    if (!active_) {
        ++environment_->counters.connections_accepted;
    }
    watch_idle(now);
    if (write_closed_) {
        sender_.finish();
        state_ = tcp_state::fin_wait_1;
    }
}

std::uint8_t tcp_connection::own_scale() const noexcept {
    const tcp_config& config = environment_->config;
    const std::uint32_t largest = std::max(config.max_receive_buffer, config.receive_buffer);
    return scaling_ ? tcp_receiver::scale_for(largest) : std::uint8_t{0};
}

void tcp_connection::watch_idle(time_point now) noexcept {
    unanswered_probes_ = 0;
    keepalive_due_ = false;
    if (state_ == tcp_state::time_wait || orphaned_) {
        return;
    }
    idle_deadline_ = keepalive_.after > duration::zero() && synchronized()
                         ? saturating_add(now, keepalive_.after)
                         : never;
}

bool tcp_connection::synchronized() const noexcept {
    return state_ != tcp_state::closed && state_ != tcp_state::syn_sent &&
           state_ != tcp_state::syn_received;
}

bool tcp_connection::may_write() const noexcept {
    return !write_closed_ && !failure_ && state_ != tcp_state::closed &&
           state_ != tcp_state::time_wait;
}

void tcp_connection::fail(errc how) noexcept {
    if (state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received) {
        ++environment_->counters.connections_failed;
    }
    state_ = tcp_state::closed;
    failure_ = how;
    sender_.clear();
    handshake_deadline_ = idle_deadline_ = never;
    syn_due_ = keepalive_due_ = false;
    events_.ended = true;
}

void tcp_connection::enter_time_wait(time_point now) {
    state_ = tcp_state::time_wait;
    idle_deadline_ = now + environment_->config.time_wait;
    keepalive_due_ = false;
    events_.ended = true;
}

time_wait_entry tcp_connection::time_wait() const noexcept {
    return {idle_deadline_,  sender_.next(),          receiver_.next(),
            peer_timestamp_, terms_.timestamp_offset, terms_.timestamps};
}

// ---- program

std::size_t tcp_connection::write_room() const noexcept {
    return may_write() ? sender_.room() : 0;
}

std::size_t tcp_connection::write(buffer& data, time_point /*now*/) {
    if (!may_write()) {
        return 0;
    }
    const std::size_t before = data.size();
    const std::size_t taken = sender_.write(data);
    was_full_ = was_full_ || taken < before;
    return taken;
}

buffer tcp_connection::read(time_point now) {
    return receiver_.read(now, sender_.rtt().smoothed());
}

std::size_t tcp_connection::read_into(std::span<std::byte> target, time_point now) {
    return receiver_.read_into(target, now, sender_.rtt().smoothed());
}

void tcp_connection::shutdown_write(time_point now) {
    if (!may_write()) {
        return;
    }
    write_closed_ = true;
    switch (state_) {
    case tcp_state::syn_sent:
    case tcp_state::syn_received:
        break; // the FIN follows the handshake
    case tcp_state::established:
        sender_.finish();
        state_ = tcp_state::fin_wait_1;
        break;
    case tcp_state::close_wait:
        sender_.finish();
        state_ = tcp_state::last_ack;
        break;
    case tcp_state::closed:
    case tcp_state::fin_wait_1:
    case tcp_state::fin_wait_2:
    case tcp_state::closing:
    case tcp_state::last_ack:
    case tcp_state::time_wait:
        break;
    }
    if (orphaned_) {
        orphan(now);
    }
}

void tcp_connection::shutdown_read() {
    receiver_.discard();
}

void tcp_connection::orphan(time_point now) noexcept {
    orphaned_ = true;
    if (state_ == tcp_state::fin_wait_2) {
        idle_deadline_ = now + environment_->config.orphan_timeout;
    }
}

void tcp_connection::set_keepalive(const tcp_keepalive& keepalive, time_point now) noexcept {
    keepalive_ = keepalive;
    watch_idle(now);
}

void tcp_connection::abort(time_point /*now*/) {
    const bool known = synchronized() || state_ == tcp_state::syn_received;
    const bool ended = state_ == tcp_state::closed || state_ == tcp_state::time_wait;
    if (ended) {
        return;
    }
    if (known) {
        reset_due_ = true; // RFC 9293 3.10.5
        reset_number_ = synchronized() ? sender_.next() : terms_.local_first + 1;
        reset_ack_ = synchronized() ? receiver_.next() : terms_.remote_first + 1;
        reset_acknowledges_ = true;
    }
    fail(errc::aborted);
    receiver_.clear();
}

tcp_info tcp_connection::info(time_point now) const noexcept {
    tcp_info info;
    info.state = state_;
    info.limited_by = sender_.limited_by(now);
    if (const congestion* const control = sender_.control(); control != nullptr) {
        info.congestion = control->name();
        info.slow_start_threshold = control->threshold();
        info.pacing_rate = control->pacing_rate();
    }
    info.congestion_window = sender_.congestion_window();
    info.in_flight = sender_.in_flight();
    info.send_window = sender_.peer_window();
    info.receive_window = synchronized() ? receiver_.edge() - receiver_.next() : 0;
    info.receive_limit = receiver_.limit();
    info.segment_size = sender_.segment_size();
    info.unsent = sender_.unsent();
    info.unacknowledged = sender_.unacknowledged();
    info.readable = receiver_.readable();
    info.round_trip = sender_.rtt().smoothed();
    info.round_trip_variation = sender_.rtt().variation();
    info.round_trip_minimum = sender_.rtt().measured() ? sender_.rtt().minimum() : duration();
    info.retransmission_timeout = sender_.rtt().timeout();
    info.delivered = sender_.delivered();
    info.received = receiver_.received();
    info.retransmitted = sender_.retransmitted();
    info.delivery_rate = sender_.delivery_rate();
    info.recovering = sender_.recovering();
    info.timestamps = terms_.timestamps;
    info.selective_ack = terms_.selective_ack;
    info.ecn = terms_.ecn;
    info.window_scaling = scaling_;
    return info;
}

} // namespace runnel::inline v0::stack
