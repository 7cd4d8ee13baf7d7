// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_connection.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// Blocks that fit beside timestamps (RFC 2018 3), and without them.
constexpr std::size_t blocks_with_timestamps = 3;
// A SYN is repeated at most so often; with doubling from a second that is 127 seconds.
constexpr std::uint8_t max_handshake_backoff = 6;

} // namespace

std::uint16_t tcp_connection::offered_in_syn() const noexcept {
    return static_cast<std::uint16_t>(std::min(environment_->config.receive_buffer, 0xffffU));
}

bool tcp_connection::transmit(tcp_segment& out, time_point now) {
    out.header = {};
    out.payload.clear();
    out.segment_size = 1;
    out.ecn_capable = false;
    out.header.source_port = local_port_;
    out.header.destination_port = remote_port_;
    bool sent = false;
    if (reset_due_) {
        sent = transmit_reset(out);
    } else if (state_ == tcp_state::closed) {
        return false;
    } else if (syn_due_) {
        sent = transmit_syn(out, now);
    } else if (synchronized()) {
        const std::size_t unsent = sender_.unsent();
        // What is behind a hole is reported in a segment of its own: beside a full payload there
        // is no room for it.
        const bool report_first =
            receiver_.queue().has_holes() && receiver_.ack_due(now) && terms_.selective_ack;
        if (!report_first && state_ != tcp_state::time_wait) {
            sent = sender_.next_segment(out, now);
        }
        if (sent) {
            finish_header(out, now);
            events_.sent = events_.sent || (unsent > 0 && sender_.unsent() == 0);
        } else {
            sent = transmit_ack(out, now);
        }
    }
    if (sent) {
        ++environment_->counters.segments_sent;
        environment_->counters.bytes_sent += out.payload.bytes();
    }
    return sent;
}

bool tcp_connection::transmit_reset(tcp_segment& out) noexcept {
    reset_due_ = false;
    ++environment_->counters.resets_sent;
    out.header.control = tcp_control::reset;
    out.header.number = reset_number_;
    out.header.ack = reset_ack_;
    out.header.acknowledges = reset_acknowledges_;
    return true;
}

bool tcp_connection::transmit_syn(tcp_segment& out, time_point now) {
    const tcp_config& config = environment_->config;
    const bool answering = state_ == tcp_state::syn_received;
    syn_due_ = false;
    out.header.control = tcp_control::syn;
    out.header.number = terms_.local_first;
    out.header.acknowledges = answering;
    if (answering) {
        out.header.ack = terms_.remote_first + 1;
    }
    out.header.window = terms_.offered_window = offered_in_syn();
    // Every SYN carries all options, also one sent again; an answer only what was asked for.
    out.header.syn.max_segment_size = max_segment_size_;
    if (config.window_scaling && (!answering || terms_.peer_scale)) {
        out.header.syn.window_scale =
            tcp_receiver::scale_for(std::max(config.max_receive_buffer, config.receive_buffer));
    }
    out.header.syn.sack_permitted = answering ? terms_.selective_ack : config.selective_ack;
    if (answering ? terms_.timestamps : config.timestamps) {
        out.header.timestamps =
            tcp_timestamps{timestamp_clock(now) + terms_.timestamp_offset, peer_timestamp_};
    }
    // RFC 3168 6.1.1.1: a network that does not let such a SYN through gets a plain one next.
    if (answering) {
        out.header.ece = terms_.ecn;
    } else if (handshake_tries_ == 0) {
        out.header.ece = out.header.cwr = config.ecn;
    }
    const auto backoff = std::min(handshake_tries_, max_handshake_backoff);
    handshake_deadline_ = now + config.retransmission.initial * (std::int64_t{1} << backoff);
    if (handshake_tries_ < 255) {
        ++handshake_tries_;
    }
    return true;
}

bool tcp_connection::transmit_ack(tcp_segment& out, time_point now) {
    const bool probe = std::exchange(keepalive_due_, false);
    if (!probe && !receiver_.ack_due(now)) {
        return false;
    }
    out.header.number = sender_.next();
    if (probe) {
        // RFC 9293 3.8.4: a place before the window, which makes the peer answer.
        out.header.number = sender_.una() - 1;
        ++environment_->counters.keepalive_probes;
    }
    finish_header(out, now);
    return true;
}

void tcp_connection::finish_header(tcp_segment& out, time_point now) {
    tcp_header& header = out.header;
    header.ack = receiver_.next();
    header.acknowledges = true;
    header.window = receiver_.offer();
    header.ece = echo_mark_;
    if (terms_.timestamps) {
        header.timestamps =
            tcp_timestamps{timestamp_clock(now) + terms_.timestamp_offset, peer_timestamp_};
    }
    if (out.payload.bytes() == 0) {
        receiver_.report(header.sack,
                         terms_.timestamps ? blocks_with_timestamps : sack_blocks::capacity);
    }
    receiver_.acknowledged();
}

time_point tcp_connection::deadline() const noexcept {
    time_point first = std::min(handshake_deadline_, idle_deadline_);
    if (!synchronized() || state_ == tcp_state::time_wait) {
        return first;
    }
    first = std::min({first, sender_.deadline(), receiver_.deadline()});
    if (sender_.stalled_since() != never && user_timeout_ > duration::zero()) {
        first = std::min(first, saturating_add(sender_.stalled_since(), user_timeout_));
    }
    return first;
}

void tcp_connection::on_timer(time_point now) {
    if (handshake_deadline_ <= now) {
        on_handshake_timer(now);
    }
    if (idle_deadline_ <= now) {
        on_idle_timer(now);
    }
    if (!synchronized() || state_ == tcp_state::time_wait) {
        return;
    }
    if (sender_.stalled_since() != never && user_timeout_ > duration::zero() &&
        now >= saturating_add(sender_.stalled_since(), user_timeout_)) {
        fail(errc::timed_out);
        return;
    }
    if (sender_.deadline() <= now) {
        sender_.on_timer(now);
    }
    if (receiver_.deadline() <= now) {
        receiver_.acknowledge_now();
    }
}

void tcp_connection::on_handshake_timer(time_point now) {
    handshake_deadline_ = never;
    if (now - handshake_began_ >= environment_->config.connect_timeout) {
        fail(errc::timed_out);
        return;
    }
    syn_due_ = true;
}

void tcp_connection::on_idle_timer(time_point now) {
    idle_deadline_ = never;
    if (state_ == tcp_state::time_wait) {
        state_ = tcp_state::closed;
        return;
    }
    if (orphaned_) {
        fail(errc::timed_out);
        return;
    }
    if (keepalive_.after <= duration::zero() || !synchronized()) {
        return;
    }
    if (unanswered_probes_ >= keepalive_.count) {
        reset_due_ = true;
        reset_acknowledges_ = true;
        reset_number_ = sender_.next();
        reset_ack_ = receiver_.next();
        fail(errc::timed_out);
        return;
    }
    // While data is out, its retransmissions ask already.
    if (!sender_.outstanding()) {
        ++unanswered_probes_;
        keepalive_due_ = true;
    }
    idle_deadline_ = saturating_add(now, keepalive_.interval);
}

} // namespace runnel::inline v0::stack
