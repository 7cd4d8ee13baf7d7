// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_connection.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// A clock that ticks every millisecond wraps its sign bit in 24.8 days (RFC 7323 5.5).
constexpr duration timestamp_lifetime = std::chrono::hours(24 * 24);
// Challenge ACKs of one connection a second.
constexpr std::uint8_t max_challenges = 10;

bool is_older(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}

} // namespace

void tcp_connection::receive(const tcp_header& header, buffer payload, tcp_arrival how,
                             time_point now) {
    ++environment_->counters.segments_received;
    environment_->counters.bytes_received += payload.size();
    switch (state_) {
    case tcp_state::closed:
        environment_->counters.drop(tcp_drop::closed);
        return;
    case tcp_state::syn_sent:
        receive_in_syn_sent(header, std::move(payload), now);
        return;
    case tcp_state::time_wait:
        receive_in_time_wait(header, header.length(payload.size()), now);
        return;
    case tcp_state::syn_received:
    case tcp_state::established:
    case tcp_state::fin_wait_1:
    case tcp_state::fin_wait_2:
    case tcp_state::close_wait:
    case tcp_state::closing:
    case tcp_state::last_ack:
        receive_synchronized(header, std::move(payload), how, now);
        return;
    }
}

/// Takes over what the peer's SYN offers, as far as we offer it too.
void tcp_connection::read_syn(const tcp_header& syn) noexcept {
    const tcp_config& config = environment_->config;
    terms_.remote_first = syn.number;
    terms_.peer_window = syn.window; // RFC 7323 2.2: never scaled in a SYN
    if (syn.syn.max_segment_size != 0) {
        terms_.peer_segment_size = syn.syn.max_segment_size;
    }
    terms_.peer_scale = config.window_scaling ? syn.syn.window_scale : std::nullopt;
    terms_.selective_ack = config.selective_ack && syn.syn.sack_permitted;
    terms_.timestamps = config.timestamps && syn.timestamps.has_value();
    if (terms_.timestamps) {
        terms_.peer_timestamp = peer_timestamp_ = syn.timestamps->value;
    }
    terms_.offered_window = offered_in_syn();
}

/// RFC 9293 3.10.7.3.
void tcp_connection::receive_in_syn_sent(const tcp_header& header, buffer payload, time_point now) {
    const bool right_ack = header.ack == terms_.local_first + 1 && handshake_tries_ > 0;
    if (header.acknowledges && !right_ack) {
        environment_->counters.drop(tcp_drop::bad_ack);
        if (!header.is_reset()) {
            reset_peer(header, header.length(payload.size()));
        }
        return;
    }
    if (header.is_reset()) {
        if (!header.acknowledges) {
            environment_->counters.drop(tcp_drop::inexact_reset);
            return;
        }
        ++environment_->counters.resets_received;
        fail(errc::refused);
        return;
    }
    if (!header.is_syn()) {
        environment_->counters.drop(tcp_drop::bad_flags);
        return;
    }
    read_syn(header);
    peer_timestamp_at_ = now;
    const bool ecn = environment_->config.ecn && handshake_tries_ == 1;
    if (!header.acknowledges) {
        // Both opened at once (3.5): our SYN-ACK repeats our SYN.
        terms_.ecn = ecn && header.ece && header.cwr;
        state_ = tcp_state::syn_received;
        handshake_tries_ = 0;
        syn_due_ = true;
        return;
    }
    terms_.ecn = ecn && header.ece && !header.cwr; // RFC 3168 6.1.1
    const bool unambiguous = handshake_tries_ == 1;
    establish(terms_, now);
    if (unambiguous && now > handshake_began_) {
        sender_.rtt().sample(now - handshake_began_, now);
    }
    receiver_.acknowledge_now();
    if (!payload.empty()) {
        take_payload(header, std::move(payload), {}, now);
    }
}

void tcp_connection::receive_in_time_wait(const tcp_header& header, std::uint32_t length,
                                          time_point now) {
    time_wait_entry entry = time_wait();
    const auto verdict = entry.take(header, length, environment_->config.time_wait, now);
    idle_deadline_ = entry.expires;
    // To open it again is for those who have a listener; here a SYN is as any other segment.
    if (verdict == time_wait_entry::verdict::ignore) {
        environment_->counters.drop(tcp_drop::closed);
    } else {
        receiver_.acknowledge_now();
    }
}

/// RFC 9293 3.10.7.4, with the checks of RFC 7323 5 and RFC 5961 in their places.
void tcp_connection::receive_synchronized(tcp_header header, buffer payload, tcp_arrival how,
                                          time_point now) {
    const std::uint32_t length = header.length(payload.size());
    if (state_ == tcp_state::syn_received && header.is_syn() &&
        header.number == terms_.remote_first) {
        if (!header.acknowledges) {
            syn_due_ = true; // our SYN-ACK was lost
            return;
        }
        // The SYN-ACK of a peer that opened at the same time: its SYN we have, its ACK we want.
        header.control = tcp_control::none;
        header.number += 1;
    }
    if (!check_age(header, length, now) || !check_window(header, length, now)) {
        return;
    }
    if (header.is_reset()) {
        take_reset(header, now);
        return;
    }
    if (!check_syn(header, now)) {
        return;
    }
    if (!header.acknowledges) {
        environment_->counters.drop(tcp_drop::no_ack);
        return;
    }
    if (state_ == tcp_state::syn_received) {
        if (header.ack != terms_.local_first + 1) {
            environment_->counters.drop(tcp_drop::bad_ack);
            reset_peer(header, length);
            return;
        }
        complete_handshake(header, now);
    }
    if (!check_ack(header, now)) {
        return;
    }
    watch_idle(now);
    if (terms_.timestamps && header.timestamps && header.number <= receiver_.last_acknowledged() &&
        !is_older(header.timestamps->value, peer_timestamp_)) {
        peer_timestamp_ = header.timestamps->value; // RFC 7323 4.3
        peer_timestamp_at_ = now;
    }
    take_ack(header, !payload.empty(), now);
    if (state_ == tcp_state::closed) {
        return;
    }
    if (!payload.empty() || header.is_fin()) {
        take_payload(header, std::move(payload), how, now);
    }
}

/// PAWS (RFC 7323 5.3). A segment without timestamps passes: some peers stop sending them.
bool tcp_connection::check_age(const tcp_header& header, std::uint32_t length, time_point now) {
    if (!terms_.timestamps || !header.timestamps || header.is_reset()) {
        return true;
    }
    if (!is_older(header.timestamps->value, peer_timestamp_) ||
        now - peer_timestamp_at_ > timestamp_lifetime) {
        return true;
    }
    environment_->counters.drop(tcp_drop::old_timestamp);
    if (length > 0) {
        receiver_.acknowledge_now();
    }
    return false;
}

bool tcp_connection::check_window(const tcp_header& header, std::uint32_t length, time_point now) {
    const sequence next =
        state_ == tcp_state::syn_received ? terms_.remote_first + 1 : receiver_.next();
    const sequence edge = state_ == tcp_state::syn_received
                              ? next + std::uint32_t{terms_.offered_window}
                              : receiver_.edge();
    if (header.number + length >= next && header.number <= edge) {
        return true;
    }
    if (header.is_reset()) {
        environment_->counters.drop(tcp_drop::inexact_reset);
        return false;
    }
    const bool old = header.number < next;
    environment_->counters.drop(old && length > 0 ? tcp_drop::duplicate : tcp_drop::outside_window);
    if (state_ == tcp_state::syn_received) {
        syn_due_ = true;
    } else if (old && length > 0 && !header.is_syn()) {
        const std::uint32_t payload = length - (header.is_fin() ? 1U : 0U);
        if (payload > 0) {
            receiver_.note_duplicate({header.number, header.number + payload});
        }
        receiver_.acknowledge_now();
    } else if (header.number + 1 == next && length == 0) {
        receiver_.acknowledge_now(); // a probe of keepalive or of a closed window
    } else {
        challenge(now); // with a limit: two confused stacks must not answer each other for ever
    }
    return false;
}

/// RFC 5961 3.2.
void tcp_connection::take_reset(const tcp_header& header, time_point now) {
    const sequence next =
        state_ == tcp_state::syn_received ? terms_.remote_first + 1 : receiver_.next();
    if (header.number != next) {
        environment_->counters.drop(tcp_drop::inexact_reset);
        challenge(now);
        return;
    }
    ++environment_->counters.resets_received;
    fail(state_ == tcp_state::syn_received && active_ ? errc::refused : errc::reset);
}

/// RFC 5961 4.2. False if the segment ends here.
bool tcp_connection::check_syn(tcp_header& header, time_point now) {
    if (!header.is_syn()) {
        return true;
    }
    environment_->counters.drop(tcp_drop::unexpected_syn);
    challenge(now);
    return false;
}

/// RFC 5961 5.2.
bool tcp_connection::check_ack(const tcp_header& header, time_point now) {
    const bool future = header.ack > sender_.next();
    const bool ancient = header.ack < sender_.una() - sender_.largest_window();
    if (!future && !ancient) {
        return true;
    }
    environment_->counters.drop(tcp_drop::bad_ack);
    challenge(now);
    return false;
}

void tcp_connection::complete_handshake(const tcp_header& header, time_point now) {
    // RFC 7323 2.2: the window of the first segment after the SYNs is scaled.
    const bool scaled = environment_->config.window_scaling && terms_.peer_scale;
    terms_.peer_window = std::uint32_t{header.window} << (scaled ? *terms_.peer_scale : 0U);
    const bool unambiguous = handshake_tries_ == 1;
    establish(terms_, now);
    if (unambiguous && now > handshake_began_) {
        sender_.rtt().sample(now - handshake_began_, now);
    }
}

void tcp_connection::take_ack(const tcp_header& header, bool payload, time_point now) {
    tcp_header seen = header;
    if (seen.timestamps) {
        seen.timestamps->echo -= terms_.timestamp_offset;
    }
    if (header.ack < sender_.una()) {
        return; // old, but not so old that anything is wrong
    }
    const sender_progress progress = sender_.on_ack(seen, payload, now);
    if (progress.advanced) {
        if (was_full_ && sender_.room() > 0) {
            was_full_ = false;
            events_.writable = true;
        }
        events_.acknowledged =
            events_.acknowledged || (sender_.unacknowledged() == 0 && !sender_.outstanding());
    }
    if (!progress.fin_acked) {
        return;
    }
    switch (state_) {
    case tcp_state::fin_wait_1:
        state_ = tcp_state::fin_wait_2;
        if (orphaned_) {
            orphan(now);
        }
        break;
    case tcp_state::closing:
        enter_time_wait(now);
        break;
    case tcp_state::last_ack:
        state_ = tcp_state::closed;
        idle_deadline_ = never;
        sender_.clear();
        events_.ended = true;
        break;
    case tcp_state::closed:
    case tcp_state::syn_sent:
    case tcp_state::syn_received:
    case tcp_state::established:
    case tcp_state::fin_wait_2:
    case tcp_state::close_wait:
    case tcp_state::time_wait:
        break;
    }
}

void tcp_connection::take_payload(const tcp_header& header, buffer payload, tcp_arrival how,
                                  time_point now) {
    // RFC 3168 6.1.3: a mark is echoed until the peer says that it slowed down.
    if (terms_.ecn) {
        const bool before = echo_mark_;
        echo_mark_ = how.congestion_marked || (echo_mark_ && !header.cwr);
        if (echo_mark_ != before) {
            receiver_.acknowledge_now();
        }
    }
    const sequence number = header.is_syn() ? header.number + 1 : header.number;
    const auto arrival = receiver_.take(number, std::move(payload), header.is_fin(), now);
    events_.readable = events_.readable || arrival.readable;
    if (arrival.finished) {
        take_fin(now);
    }
}

void tcp_connection::take_fin(time_point now) {
    events_.finished = true;
    switch (state_) {
    case tcp_state::established:
        state_ = tcp_state::close_wait;
        break;
    case tcp_state::fin_wait_1:
        state_ = tcp_state::closing;
        break;
    case tcp_state::fin_wait_2:
        enter_time_wait(now);
        break;
    case tcp_state::closed:
    case tcp_state::syn_sent:
    case tcp_state::syn_received:
    case tcp_state::close_wait:
    case tcp_state::closing:
    case tcp_state::last_ack:
    case tcp_state::time_wait:
        break;
    }
}

/// RFC 5961 7: an acknowledgment that makes the true peer say what it means, but not for ever.
void tcp_connection::challenge(time_point now) {
    if (now - last_challenge_ >= std::chrono::seconds(1)) {
        last_challenge_ = now;
        challenges_ = 0;
    }
    if (challenges_ >= max_challenges || !environment_->challenges.allow(now)) {
        ++environment_->counters.challenge_acks_withheld;
        return;
    }
    ++challenges_;
    ++environment_->counters.challenge_acks;
    if (state_ == tcp_state::syn_received) {
        syn_due_ = true;
    } else {
        receiver_.acknowledge_now();
    }
}

/// RFC 9293 3.10.7.1: the RST that a segment which should not be gets.
void tcp_connection::reset_peer(const tcp_header& header, std::uint32_t length) noexcept {
    reset_due_ = true;
    reset_acknowledges_ = !header.acknowledges;
    reset_number_ = header.acknowledges ? header.ack : sequence();
    reset_ack_ = header.number + length;
}

void tcp_connection::on_icmp_unreachable(sequence quoted, time_point /*now*/) {
    // RFC 5927 4.1 and 5.2: soft once open, and only for a place that is really in flight.
    const bool opening = state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received;
    if (opening && quoted == terms_.local_first) {
        fail(errc::unreachable);
    }
}

void tcp_connection::on_address_removed() noexcept {
    if (state_ != tcp_state::closed && state_ != tcp_state::time_wait) {
        fail(errc::unreachable);
    }
}

void tcp_connection::on_icmp_too_big(sequence quoted, std::uint16_t segment_size, time_point now) {
    if (synchronized() && quoted >= sender_.una() && quoted < sender_.next()) {
        const std::uint16_t options = terms_.timestamps ? timestamps_size : std::uint16_t{0};
        segment_size = std::max(segment_size, least_segment_size);
        sender_.on_path_mtu(static_cast<std::uint16_t>(segment_size - options), now);
    }
}

} // namespace runnel::inline v0::stack
