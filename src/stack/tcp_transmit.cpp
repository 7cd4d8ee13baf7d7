// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_sender.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// RFC 8985 7.2: what a peer may wait before it acknowledges a single segment.
constexpr duration max_ack_delay = std::chrono::milliseconds(200);
// No probe sooner than this, so that a coarse timer does not make every segment two.
constexpr duration least_probe_time = std::chrono::milliseconds(10);
// Super-segments of a paced flow hold about this much time of sending.
constexpr double pacing_quantum = 0.001;

} // namespace

std::uint32_t tcp_sender::window_room() const noexcept {
    const sequence edge = una_ + window_;
    return edge > next_ ? edge - next_ : 0;
}

std::uint32_t tcp_sender::congestion_room() const noexcept {
    const std::uint32_t window = congestion_window();
    const std::uint32_t flight = in_flight();
    return window > flight ? window - flight : 0;
}

std::uint32_t tcp_sender::burst_limit() const noexcept {
    // A quarter of the window, so that acknowledgments keep coming in between.
    std::uint32_t limit = std::max(congestion_window() / 4, 2 * segment_size_);
    if (const std::uint64_t rate = control_->pacing_rate(); rate > 0) {
        const auto quantum = static_cast<double>(rate) * pacing_quantum;
        limit = std::min(limit, static_cast<std::uint32_t>(std::min(quantum, 65'536.0)));
    }
    limit = std::min(limit, max_send_size_);
    return std::max(limit - limit % segment_size_, segment_size_);
}

/// How much new data may go into the next segment, leaving aside whether that is worth one.
std::uint32_t tcp_sender::new_data_size(bool& whole) const noexcept {
    const auto waiting = static_cast<std::uint32_t>(unsent());
    std::uint32_t size = std::min({waiting, window_room(), burst_limit()});
    const std::uint32_t room = congestion_room();
    if (size > room) {
        // At least one segment may always be on its way.
        size = room < segment_size_ ? (in_flight() == 0 ? std::min(size, segment_size_) : 0) : room;
    }
    if (size > segment_size_ && size < waiting) {
        size -= size % segment_size_;
    }
    whole = size == waiting;
    return size;
}

/// Nagle (RFC 9293 3.7.4) and the avoidance of silly windows (3.8.6.2.1).
bool tcp_sender::may_send_small(std::uint32_t size, bool whole) const noexcept {
    if (size >= segment_size_ || override_silly_) {
        return true;
    }
    if (!whole) {
        return size > 0 && size >= largest_window_ / 2;
    }
    if (finishing_) {
        return true;
    }
    const bool pushed = static_cast<std::int32_t>(push_end_ - data_sent_) > 0;
    return !corked_ && (no_delay_ || pushed || una_ == next_);
}

bool tcp_sender::next_segment(tcp_segment& out, time_point now) {
    if (!started_) {
        return false;
    }
    if (window_probe_due_) {
        return send_window_probe(out);
    }
    if (loss_probe_due_) {
        loss_probe_due_ = false;
        if (send_loss_probe(out, now)) {
            arm(now);
            return true;
        }
    }
    waiting_to_pace_ = control_->pacing_rate() > 0 && pacing_until_ > now;
    if (waiting_to_pace_) {
        return false;
    }
    if (frto_ != frto::second_ack && board_.first_lost() != scoreboard::none) {
        const bool sent = send_lost(out, now);
        arm(now);
        return sent;
    }
    const bool fin_due = finishing_ && !fin_sent_;
    if (fin_sent_ || board_.full() || (unsent() == 0 && !fin_due)) {
        congestion_limited_ = congestion_limited_ && unsent() > 0;
        return false;
    }
    if (una_ == next_ && control_->pacing_rate() == 0 && now - last_sent_ > rtt_.timeout()) {
        control_->on_idle(now); // RFC 5681 4.1
    }
    if (send_path_probe(out, now)) {
        arm(now, true);
        return true;
    }
    bool whole = false;
    const std::uint32_t size = new_data_size(whole);
    const bool bare_fin = unsent() == 0 && window_room() > 0;
    congestion_limited_ = !whole && congestion_room() < window_room();
    if (!bare_fin && (size == 0 || !may_send_small(size, whole))) {
        arm(now);
        return false;
    }
    // Of more than a segment only whole ones, if the last part is not to be sent yet.
    std::uint32_t part = size;
    if (size > segment_size_ && !may_send_small(size % segment_size_, whole)) {
        part -= size % segment_size_;
    }
    const bool sent = send_new(out, part, whole && part == size, now);
    arm(now, sent);
    return sent;
}

bool tcp_sender::send_new(tcp_segment& out, std::uint32_t size, bool whole, time_point now) {
    transmission what;
    what.begin = next_;
    what.data = unsent_place_;
    const std::uint32_t sliced = data_.slice(unsent_place_, size, out.payload);
    if (sliced < size) {
        whole = false;
    }
    const bool fin = whole && finishing_ && window_room() > sliced;
    if (sliced == 0 && !fin) {
        return false;
    }
    what.length = sliced + (fin ? 1U : 0U);
    what.fin = fin;
    what.segment_size = static_cast<std::uint16_t>(segment_size_);
    stamp(what, now);
    board_.push(what);
    unsent_place_ = data_.advance(unsent_place_, sliced);
    next_ += what.length;
    data_sent_ += sliced;
    fin_sent_ = fin_sent_ || fin;
    override_silly_ = false;
    if (stalled_since_ == never) {
        stalled_since_ = now;
    }
    out.header.number = what.begin;
    out.header.control = fin ? tcp_control::fin : whole ? tcp_control::push : tcp_control::none;
    out.header.cwr = sliced > 0 && std::exchange(reduced_, false);
    out.segment_size = what.segment_size;
    out.ecn_capable = ecn_ && sliced > 0;
    rate_out_ += what.length;
    pace(sliced, now);
    return true;
}

/// A segment of new data that is larger than what is known to arrive, with enough behind it that
/// its loss is noticed soon (RFC 4821 7.4).
bool tcp_sender::send_path_probe(tcp_segment& out, time_point now) {
    if (!config_->path_probing || !selective_ack_ || state_ != state::open) {
        return false;
    }
    const std::uint32_t size = path_.next(segment_size_, now);
    const std::uint32_t needed = size + 3 * segment_size_;
    if (size == 0 || unsent() < needed || window_room() < needed || congestion_room() < size) {
        return false;
    }
    const std::uint32_t known = std::exchange(segment_size_, size);
    const bool sent = send_new(out, size, false, now);
    segment_size_ = known;
    const scoreboard::handle last = board_.last();
    if (sent && board_[last].length > known) {
        board_[last].path_probe = true;
        path_.sent(board_[last].length, next_);
        ++counters_->path_probes;
    }
    return sent;
}

void tcp_sender::stamp(transmission& what, time_point now) noexcept {
    if (board_.in_flight_bytes() == 0) {
        first_sent_ = delivered_at_ = now;
    }
    what.sent = now;
    what.first_sent = first_sent_;
    what.delivered = delivered_;
    what.delivered_at = delivered_at_;
    const bool starved =
        unsent() <= segment_size_ && board_.lost_bytes() == 0 && congestion_room() > what.length;
    if (starved) {
        application_limited_until_ = delivered_ + in_flight() + what.length;
    }
    what.application_limited = application_limited_until_ > delivered_;
    last_sent_ = now;
}

void tcp_sender::pace(std::uint32_t bytes, time_point now) noexcept {
    const std::uint64_t rate = control_->pacing_rate();
    if (rate == 0) {
        return;
    }
    const double span = static_cast<double>(bytes) / static_cast<double>(rate);
    const time_point from = std::max(pacing_until_, now - std::chrono::milliseconds(1));
    pacing_until_ =
        from + std::chrono::duration_cast<duration>(std::chrono::duration<double>(span));
}

bool tcp_sender::send_lost(tcp_segment& out, time_point now) {
    const scoreboard::handle which = board_.first_lost();
    const transmission& one = board_[which];
    std::uint32_t limit = std::min(congestion_room(), burst_limit());
    if (limit < segment_size_ && limit < one.length) {
        if (in_flight() > 0) {
            congestion_limited_ = true;
            return false;
        }
        limit = segment_size_;
    }
    // A window that shrank is respected, but the first segment always probes it (RFC 9293 3.8.6).
    const sequence edge = una_ + window_;
    if (one.end() > edge) {
        if (one.begin == una_) {
            limit = std::min(limit, segment_size_);
        } else if (one.begin >= edge) {
            return false;
        } else {
            limit = std::min(limit, edge - one.begin);
        }
    }
    return send_again(which, limit, out, now);
}

bool tcp_sender::send_again(scoreboard::handle which, std::uint32_t limit, tcp_segment& out,
                            time_point now) {
    std::uint32_t length = board_[which].length;
    if (length > limit) {
        length = limit > segment_size_ ? limit - limit % segment_size_ : limit;
    }
    const std::uint32_t payload = std::min(length, board_[which].payload());
    const std::uint32_t sliced = data_.slice(board_[which].data, payload, out.payload);
    if (sliced < payload) {
        length = sliced;
    }
    if (length < board_[which].length) {
        board_.split(which, length, data_);
    }
    transmission& one = board_[which];
    if (std::exchange(one.path_probe, false) && path_.outstanding()) {
        path_.failed();
        ++counters_->path_probes_lost;
    }
    one.segment_size = static_cast<std::uint16_t>(segment_size_);
    stamp(one, now);
    if (state_ != state::open) {
        repaired_ = true;
        undo_bytes_ += length;
    }
    board_.retransmitted(which, now);
    out.header.number = one.begin;
    out.header.control = one.fin ? tcp_control::fin : tcp_control::none;
    out.segment_size = one.segment_size;
    out.ecn_capable = false; // RFC 3168 6.1.5
    rate_out_ += length;
    retransmitted_ += length;
    counters_->bytes_retransmitted += length;
    pace(length, now);
    return true;
}

bool tcp_sender::send_loss_probe(tcp_segment& out, time_point now) {
    if (board_.empty() || state_ != state::open) {
        return false;
    }
    // RFC 8985 7.3: new data if there is some, else the last segment again.
    const std::uint32_t fresh =
        std::min({static_cast<std::uint32_t>(unsent()), window_room(), segment_size_});
    probing_loss_ = true;
    probe_retransmits_ = fresh == 0;
    if (fresh > 0) {
        const bool whole = fresh == unsent();
        if (!board_.full() && send_new(out, fresh, whole, now)) {
            probe_end_ = next_;
            return true;
        }
        return false;
    }
    scoreboard::handle last = board_.last();
    if (board_[last].state != transmission::status::in_flight) {
        probing_loss_ = false;
        return false;
    }
    if (board_[last].length > segment_size_ && !board_.full()) {
        const std::uint32_t rest = board_[last].length % segment_size_;
        board_.split(last, board_[last].length - (rest > 0 ? rest : segment_size_), data_);
        last = board_.last();
    }
    probe_end_ = next_;
    return send_again(last, segment_size_ + 1, out, now);
}

/// RFC 9293 3.8.6.1: makes the peer tell its window. A place before the first byte that is not
/// acknowledged is outside of every window, so it is answered and nothing has to be sent again.
bool tcp_sender::send_window_probe(tcp_segment& out) noexcept {
    window_probe_due_ = false;
    ++counters_->zero_window_probes;
    out.header.number = una_ - 1;
    out.header.control = tcp_control::none;
    out.segment_size = static_cast<std::uint16_t>(segment_size_);
    return true;
}

bool tcp_sender::blocked_by_window() const noexcept {
    if (unsent() == 0) {
        return finishing_ && !fin_sent_ && window_room() == 0;
    }
    return window_room() < std::min<std::size_t>(unsent(), segment_size_);
}

void tcp_sender::arm_persist(time_point now) noexcept {
    if (stalled_since_ == never) {
        stalled_since_ = now;
    }
    if (timer_ == timer::persist && deadline_ != never) {
        return;
    }
    const duration base = rtt_.timeout();
    const duration wait =
        std::min(base * (std::int64_t{1} << persist_backoff_), config_->retransmission.highest);
    timer_ = timer::persist;
    deadline_ = now + wait;
}

/// Sets the one timer this half needs next.
void tcp_sender::arm(time_point now, bool sent) noexcept {
    if (!started_) {
        return;
    }
    if (board_.empty()) {
        if (blocked_by_window() && !window_probe_due_ && !override_silly_) {
            arm_persist(now);
        } else if (timer_ != timer::none) {
            timer_ = timer::none;
            deadline_ = never;
        }
        return;
    }
    const bool running = timer_ == timer::retransmission || timer_ == timer::probe;
    if (running && !sent && (timer_ == timer::retransmission || state_ == state::open)) {
        return;
    }
    if (!running || timeout_at_ == never) {
        timeout_at_ = now + rtt_.timeout();
    }
    timer_ = timer::retransmission;
    deadline_ = timeout_at_;
    const bool probe_fits = selective_ack_ && state_ == state::open && !probing_loss_ &&
                            !loss_probe_due_ && board_.sacked_bytes() == 0 && rtt_.measured();
    if (!probe_fits) {
        return;
    }
    // RFC 8985 7.2: after each transmission of new data anew, but never beyond the timeout.
    duration wait = std::max(2 * rtt_.smoothed(), least_probe_time);
    if (board_.in_flight_bytes() <= segment_size_) {
        wait += max_ack_delay;
    }
    if (now + wait < deadline_) {
        timer_ = timer::probe;
        deadline_ = now + wait;
    }
}

time_point tcp_sender::deadline() const noexcept {
    const time_point first = std::min(deadline_, reorder_deadline_);
    return waiting_to_pace_ ? std::min(first, pacing_until_) : first;
}

tcp_sender::bottleneck tcp_sender::limited_by(time_point now) const noexcept {
    if (unsent() == 0 && board_.lost_bytes() == 0) {
        return bottleneck::application;
    }
    if (window_room() < segment_size_ && board_.lost_bytes() == 0) {
        return bottleneck::window;
    }
    return control_ != nullptr && control_->pacing_rate() > 0 && pacing_until_ > now
               ? bottleneck::pacing
               : bottleneck::congestion;
}

} // namespace runnel::inline v0::stack
