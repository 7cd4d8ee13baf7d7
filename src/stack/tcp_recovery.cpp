// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_sender.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// RFC 5681 3.2, RFC 8985 6.2: so many later segments arrived that one is lost, not late.
constexpr std::uint32_t duplicate_threshold = 3;
// RFC 5682 and our own sense: after so many timeouts in a row, large segments may be what is lost.
constexpr std::uint8_t black_hole_timeouts = 3;
// Every path carries this (RFC 8200 5: an MTU of 1280), with all options.
constexpr std::uint32_t safe_segment_size = 1280 - 40 - 60;

} // namespace

// ---- RACK (RFC 8985 6.2)

void tcp_sender::update_rack(const tcp_header& header, const delivery_report& report,
                             time_point now) noexcept {
    if (!report.has_latest) {
        return;
    }
    // Step 3: something that was sent once arrives behind something later.
    if (report.original_delivered && report.lowest_original < forward_most_) {
        reordering_seen_ = true;
    }
    forward_most_ = later(forward_most_, una_);
    if (board_.sacked_bytes() > 0) {
        forward_most_ = later(forward_most_, board_.highest_sacked());
    }
    const duration rtt = now - report.latest_sent;
    if (report.latest_retransmitted) {
        // Step 2: this may acknowledge what was sent first.
        if (rtt_.measured() && rtt < rtt_.minimum()) {
            return;
        }
        if (timestamps_ && header.timestamps && header.timestamps->echo != 0 &&
            static_cast<std::int32_t>(header.timestamps->echo -
                                      timestamp_clock(report.latest_sent)) < 0) {
            return;
        }
    }
    rack_rtt_ = rtt;
    if (!have_rack_ || report.latest_sent > rack_sent_ ||
        (report.latest_sent == rack_sent_ && report.latest_end > rack_end_)) {
        have_rack_ = true;
        rack_sent_ = report.latest_sent;
        rack_end_ = report.latest_end;
    }
}

duration tcp_sender::reorder_window() const noexcept {
    // Step 4. Before any reordering was seen, the third duplicate decides, as in RFC 6675.
    const bool many = board_.sacked_bytes() > (duplicate_threshold - 1) * segment_size_;
    if (!reordering_seen_ && (state_ != state::open || many)) {
        return duration::zero();
    }
    if (!rtt_.measured()) {
        return duration::zero();
    }
    return std::min(rtt_.minimum() / 4 * reorder_multiplier_, rtt_.smoothed());
}

void tcp_sender::detect_losses(time_point now) noexcept {
    reorder_deadline_ = never;
    if (!have_rack_) {
        return;
    }
    // Step 5. They are in the order they were sent, so the first that is not lost yet is also the
    // first that will be: what is behind it needs no look now.
    const duration window = reorder_window();
    for (scoreboard::handle at = board_.oldest_in_flight(); at != scoreboard::none;) {
        const transmission& one = board_[at];
        const bool before =
            one.sent < rack_sent_ || (one.sent == rack_sent_ && one.end() < rack_end_);
        if (!before) {
            break;
        }
        const time_point lost_at = one.sent + rack_rtt_ + window;
        if (lost_at > now) {
            reorder_deadline_ = lost_at;
            break;
        }
        const scoreboard::handle after = one.next;
        board_.mark_lost(at);
        at = after;
    }
}

/// RFC 4821 7.5: a probe is lost because it is too large, most likely; that is no congestion.
bool tcp_sender::lost_only_a_probe() noexcept {
    const scoreboard::handle first = board_.first_lost();
    return first != scoreboard::none && board_[first].path_probe &&
           board_[first].length == board_.lost_bytes();
}

/// Without SACK only the first segment can be known to be lost (RFC 6582 3.2).
void tcp_sender::lose_first() noexcept {
    const scoreboard::handle first = board_.first();
    if (first == scoreboard::none || board_[first].state != transmission::status::in_flight) {
        return;
    }
    if (board_[first].length > segment_size_ && !board_.full()) {
        board_.split(first, segment_size_, data_);
    }
    board_.mark_lost(first);
}

// ---- recovery

void tcp_sender::begin_episode(time_point now) noexcept {
    episode_began_ = now;
    can_undo_ = true;
    undo_from_ = una_;
    undo_bytes_ = 0;
    repaired_ = false;
    recovery_end_ = next_;
}

/// FlightSize (RFC 5681 2), which counts what is sacked: three segments had to be before a loss was
/// seen, and of a small window that is most. What limited transmit added to the window is left out.
std::uint32_t tcp_sender::flight_size() const noexcept {
    return std::max(std::min(next_ - una_, control_->window()), segment_size_);
}

void tcp_sender::enter_recovery(std::uint32_t prior_in_flight, time_point now) {
    begin_episode(now);
    state_ = state::recovery;
    probing_loss_ = false;
    ++counters_->fast_recoveries;
    recovery_flight_ = std::max(prior_in_flight, segment_size_);
    rate_delivered_ = 0;
    rate_out_ = 0;
    control_->on_loss(now, control_->owns_recovery() ? recovery_flight_ : flight_size());
}

void tcp_sender::leave_recovery(time_point now) noexcept {
    control_->on_recovered(now);
    state_ = state::open;
    frto_ = frto::off;
    duplicate_acks_ = 0;
    if (reorder_persist_ > 0) {
        --reorder_persist_;
    } else {
        reorder_multiplier_ = 1;
    }
}

/// Proportional rate reduction: as much is sent as is delivered, times the reduction (RFC 6937 3).
void tcp_sender::reduce_by_rate(const delivery_report& report, bool advanced,
                                bool lost_more) noexcept {
    const std::uint32_t flight = in_flight();
    const std::uint32_t goal = control_->threshold();
    const std::uint32_t delivered = selective_ack_ || advanced ? report.delivered : segment_size_;
    rate_delivered_ += delivered;
    std::uint32_t quota = 0;
    if (flight > goal) {
        const std::uint64_t share =
            (std::uint64_t{rate_delivered_} * goal + recovery_flight_ - 1) / recovery_flight_;
        quota = share > rate_out_ ? static_cast<std::uint32_t>(share) - rate_out_ : 0;
    } else {
        quota = std::max(rate_delivered_ > rate_out_ ? rate_delivered_ - rate_out_ : 0, delivered);
        if (advanced && !lost_more) {
            quota += segment_size_; // the reduction bound of slow start, where all goes well
        }
        quota = std::min(quota, goal - flight);
    }
    if (rate_out_ == 0) {
        quota = std::max(quota, segment_size_); // the first retransmission leaves at once
    }
    rate_window_ = flight + quota;
}

void tcp_sender::recover(const tcp_header& header, const delivery_report& report,
                         std::uint32_t prior_in_flight, sequence prior_una, time_point now) {
    const bool advanced = una_ > prior_una;
    end_loss_probe(header, now);
    if (undo_if_needless(header, report, now)) {
        return;
    }
    if (state_ != state::open && una_ >= recovery_end_) {
        leave_recovery(now);
    }
    const std::uint32_t lost_before = board_.lost_bytes();
    if (!selective_ack_ && state_ != state::loss) {
        const bool partial = state_ == state::recovery && advanced;
        const bool third = state_ == state::open && duplicate_acks_ >= duplicate_threshold &&
                           una_ >= recovery_end_;
        if (partial || third) {
            lose_first();
        }
    }
    if (state_ == state::open && board_.lost_bytes() > 0 && !lost_only_a_probe()) {
        enter_recovery(prior_in_flight, now);
    }
    if (state_ == state::recovery) {
        reduce_by_rate(report, advanced, board_.lost_bytes() > lost_before);
    }
    if (state_ == state::loss) {
        continue_frto(report, advanced);
    }
}

bool tcp_sender::undo_if_needless(const tcp_header& header, const delivery_report& report,
                                  time_point now) {
    if (!can_undo_) {
        return false;
    }
    // Eifel: what was acknowledged is what was sent first, not the retransmission of this episode.
    const bool eifel =
        state_ != state::open && report.has_repair && timestamps_ &&
        report.repair_sent >= episode_began_ && header.timestamps && header.timestamps->echo != 0 &&
        static_cast<std::int32_t>(header.timestamps->echo - timestamp_clock(report.repair_sent)) <
            0;
    // DSACK: all that was retransmitted had arrived already.
    const bool duplicates = repaired_ && undo_bytes_ == 0;
    const bool by_frto = state_ == state::loss && frto_ != frto::off && report.original_delivered &&
                         report.lowest_original <= recovery_end_;
    if (!eifel && !duplicates && !by_frto) {
        return false;
    }
    undo(now);
    return true;
}

void tcp_sender::undo(time_point now) noexcept {
    ++counters_->undone;
    board_.unmark_lost();
    control_->undo(now);
    state_ = state::open;
    frto_ = frto::off;
    can_undo_ = false;
    duplicate_acks_ = 0;
    // What is in flight is late rather than lost: give it the time it seems to need.
    reordering_seen_ = true;
    have_rack_ = false;
}

// ---- timeouts

void tcp_sender::on_retransmission_timeout(time_point now) {
    ++counters_->retransmission_timeouts;
    const bool first = state_ != state::loss;
    if (board_.first() != scoreboard::none &&
        board_[board_.first()].state == transmission::status::sacked) {
        ++counters_->reneged; // RFC 2018 8: it would be acknowledged if the peer had kept it
        board_.forget_sacked();
    }
    // While the window is closed, a timeout says nothing about congestion.
    if (window_ > 0) {
        control_->on_timeout(now, flight_size(), first);
    }
    if (first) {
        begin_episode(now);
    }
    recovery_end_ = next_;
    board_.mark_all_lost();
    state_ = state::loss;
    frto_ = first ? frto::first_ack : frto::off;
    duplicate_acks_ = 0;
    probing_loss_ = false;
    reorder_deadline_ = never;
    have_rack_ = false;
    rtt_.back_off();
    if (++timeouts_in_row_ >= black_hole_timeouts && segment_size_ > safe_segment_size) {
        ++counters_->black_holes; // RFC 8899 4.3
        segment_size_ = safe_segment_size;
        path_.begin(now);
        control_->set_segment_size(segment_size_);
    }
}

/// RFC 5682 3.1 and 2.1 for SACK: whether the timeout was needless is told by the next two
/// acknowledgments, for which new data is sent instead of old.
void tcp_sender::continue_frto(const delivery_report& report, bool advanced) noexcept {
    if (frto_ == frto::off || report.delivered + report.acked == 0) {
        if (frto_ == frto::second_ack) {
            frto_ = frto::off; // a duplicate: the loss was real
        }
        return;
    }
    if (frto_ == frto::first_ack && advanced && unsent() >= segment_size_ &&
        window_room() >= segment_size_) {
        frto_ = frto::second_ack;
    } else {
        frto_ = frto::off;
    }
}

void tcp_sender::on_probe_timeout(time_point /*now*/) noexcept {
    ++counters_->loss_probes;
    loss_probe_due_ = true;
}

/// RFC 8985 7.4: what became of the tail loss probe.
void tcp_sender::end_loss_probe(const tcp_header& header, time_point now) {
    if (!probing_loss_ || header.ack < probe_end_) {
        return;
    }
    probing_loss_ = false;
    if (!probe_retransmits_) {
        return;
    }
    // A duplicate report says that the probe was needless. Otherwise it repaired a loss that nobody
    // else noticed, and that has to count as one.
    const bool duplicate =
        selective_ack_ && !header.sack.empty() && header.sack[0].end <= header.ack;
    if (!duplicate && state_ == state::open) {
        control_->on_loss(now, flight_size());
        control_->on_recovered(now);
    }
}

void tcp_sender::on_timer(time_point now) {
    if (reorder_deadline_ <= now) {
        const std::uint32_t prior = in_flight();
        detect_losses(now);
        if (board_.lost_bytes() > 0 && state_ == state::open && !lost_only_a_probe()) {
            enter_recovery(prior, now);
            reduce_by_rate({}, false, true);
        }
    }
    if (deadline_ <= now) {
        const timer what = std::exchange(timer_, timer::none);
        deadline_ = never;
        switch (what) {
        case timer::retransmission:
            on_retransmission_timeout(now);
            break;
        case timer::probe:
            on_probe_timeout(now);
            break;
        case timer::persist:
            override_silly_ = window_room() > 0;
            window_probe_due_ = !override_silly_;
            persist_backoff_ = static_cast<std::uint8_t>(std::min(persist_backoff_ + 1, 16));
            break;
        case timer::none:
            break;
        }
    }
    arm(now);
}

void tcp_sender::on_path_mtu(std::uint16_t segment_size, time_point now) {
    if (!started_ || segment_size == 0) {
        return;
    }
    if (path_.outstanding() && segment_size < path_.size()) {
        path_.limit(segment_size);
    }
    if (segment_size >= segment_size_) {
        return;
    }
    segment_size_ = segment_size;
    path_.begin(now + path_search::raise_after);
    control_->set_segment_size(segment_size);
    // What is too large did not arrive, which is no sign of congestion (RFC 8201 5.4).
    for (scoreboard::handle at = board_.oldest_in_flight(); at != scoreboard::none;) {
        const scoreboard::handle after = board_[at].next;
        if (board_[at].segment_size > segment_size) {
            board_.mark_lost(at);
        }
        at = after;
    }
    arm(now);
}

void tcp_sender::react_to_mark(const tcp_header& header, time_point now) noexcept {
    if (!ecn_ || !header.ece || una_ < mark_end_ || state_ != state::open) {
        return;
    }
    control_->on_mark(now, std::max(in_flight(), segment_size_));
    mark_end_ = next_;
    reduced_ = true;
}

} // namespace runnel::inline v0::stack
