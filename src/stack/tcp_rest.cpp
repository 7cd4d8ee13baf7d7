// SPDX-License-Identifier: Apache-2.0
// How a connection goes to rest, and wakes.
#include "runnel/stack/tcp_rest.hpp"

#include "runnel/stack/tcp_connection.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace runnel::inline v0::stack {

namespace {

bool same(const tcp_keepalive& a, const tcp_keepalive& b) noexcept {
    return a.after == b.after && a.interval == b.interval && a.count == b.count;
}

time_point moment(std::uint32_t seconds) noexcept {
    return time_point(std::chrono::seconds(seconds));
}

} // namespace

// ---- the sending half

bool tcp_sender::may_rest() const noexcept {
    return started_ && board_.empty() && data_.empty() && state_ == state::open && !finishing_ &&
           deadline_ == never && reorder_deadline_ == never && !loss_probe_due_ &&
           !window_probe_due_ && !reduced_;
}

void tcp_sender::rest(tcp_rest& out) const noexcept {
    out.una = una_;
    out.window_number = window_number_;
    out.window = window_;
    out.largest_window = largest_window_;
    out.delivered = delivered_;
    out.retransmitted = retransmitted_;
    out.delivery_rate = static_cast<float>(delivery_rate_);
    out.control = control_->memory();
    out.round_trip = rtt_.memory();
    out.segment_size = static_cast<std::uint16_t>(segment_size_);
    out.largest_segment_size = static_cast<std::uint16_t>(path_.ceiling());
    out.max_send_size = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(max_send_size_, std::numeric_limits<std::uint16_t>::max()));
    out.reorder_multiplier = static_cast<std::uint8_t>(reorder_multiplier_);
    out.reorder_persist = static_cast<std::uint8_t>(reorder_persist_);
    out.no_delay = no_delay_;
    out.corked = corked_;
    out.reordering_seen = reordering_seen_;
}

void tcp_sender::wake(const tcp_rest& from) {
    sender_terms terms;
    terms.first = from.una;
    terms.peer_number = from.window_number;
    terms.segment_size = from.segment_size;
    terms.window_scale = from.scaling ? from.peer_scale : std::uint8_t{0};
    terms.selective_ack = from.selective_ack;
    terms.timestamps = from.timestamps;
    terms.ecn = from.ecn;
    max_send_size_ = from.max_send_size;
    no_delay_ = from.no_delay;
    corked_ = from.corked;
    start(terms, from.window, moment(from.since));
    largest_window_ = from.largest_window;
    path_.start(from.largest_segment_size);
    if (segment_size_ < from.largest_segment_size) {
        path_.begin(moment(from.since) + path_search::raise_after);
    }
    delivered_ = from.delivered;
    retransmitted_ = from.retransmitted;
    delivery_rate_ = static_cast<std::uint64_t>(from.delivery_rate);
    control_->recall(from.control, moment(from.since));
    rtt_.recall(from.round_trip, moment(from.since));
    reorder_multiplier_ = from.reorder_multiplier;
    reorder_persist_ = from.reorder_persist;
    reordering_seen_ = from.reordering_seen;
}

// ---- the receiving half

bool tcp_receiver::may_rest() const noexcept {
    return queue_.readable() == 0 && !queue_.has_holes() && !fin_ && !finished_ && !discarding_ &&
           !now_ && deadline_ == never && extra_acks_ == 0 && unacknowledged_ == 0 && !duplicate_;
}

void tcp_receiver::rest(tcp_rest& out) const noexcept {
    out.expected = queue_.next();
    out.edge = edge_;
    out.receive_limit = limit_;
    out.received = received_;
    out.arriving_size = segment_size_;
}

void tcp_receiver::wake(const tcp_rest& from, std::uint8_t scale) noexcept {
    start(from.expected, scale, from.selective_ack, from.edge - from.expected);
    limit_ = from.receive_limit;
    received_ = from.received;
    segment_size_ = from.arriving_size;
    last_arrival_ = measure_began_ = moment(from.since);
}

// ---- the connection

bool tcp_connection::may_rest() const noexcept {
    return state_ == tcp_state::established && sender_.may_rest() && receiver_.may_rest() &&
           !events_.any() && !write_closed_ && !orphaned_ && !reset_due_ && !keepalive_due_ &&
           !echo_mark_ && !was_full_ && unanswered_probes_ == 0;
}

tcp_rest tcp_connection::rest(time_point last_used) const {
    const tcp_config& config = environment_->config;
    tcp_rest out;
    sender_.rest(out);
    receiver_.rest(out);
    out.timestamp_offset = terms_.timestamp_offset;
    out.peer_timestamp = peer_timestamp_;
    out.since = static_cast<std::uint32_t>(last_used.time_since_epoch() / std::chrono::seconds(1));
    out.max_segment_size = max_segment_size_;
    out.peer_scale = terms_.peer_scale.value_or(0);
    out.scaling = scaling_;
    out.selective_ack = terms_.selective_ack;
    out.timestamps = terms_.timestamps;
    out.ecn = terms_.ecn;
    out.active = active_;
    if (!same(keepalive_, config.keepalive) || user_timeout_ != config.user_timeout) {
        out.patience = std::make_unique<tcp_patience>(tcp_patience{keepalive_, user_timeout_});
    }
    return out;
}

void tcp_connection::wake(const tcp_rest& from, time_point idle_deadline) {
    terms_.timestamp_offset = from.timestamp_offset;
    terms_.selective_ack = from.selective_ack;
    terms_.timestamps = from.timestamps;
    terms_.ecn = from.ecn;
    if (from.scaling) {
        terms_.peer_scale = from.peer_scale;
    }
    scaling_ = from.scaling;
    active_ = from.active;
    max_segment_size_ = from.max_segment_size;
    peer_timestamp_ = from.peer_timestamp;
    peer_timestamp_at_ = moment(from.since);
    if (from.patience != nullptr) {
        keepalive_ = from.patience->keepalive;
        user_timeout_ = from.patience->user_timeout;
    }
    sender_.wake(from);
    receiver_.wake(from, own_scale());
    idle_deadline_ = idle_deadline;
    state_ = tcp_state::established;
}

} // namespace runnel::inline v0::stack
