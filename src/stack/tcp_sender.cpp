// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_sender.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

void tcp_sender::start(const sender_terms& terms, std::uint32_t window, time_point now) {
    una_ = next_ = terms.first;
    window_number_ = terms.peer_number;
    window_ack_ = terms.first;
    recovery_end_ = mark_end_ = forward_most_ = duplicate_round_end_ = terms.first;
    segment_size_ = terms.segment_size;
    path_.start(segment_size_);
    window_scale_ = terms.window_scale;
    selective_ack_ = terms.selective_ack;
    timestamps_ = terms.timestamps;
    ecn_ = terms.ecn;
    window_ = largest_window_ = window;
    no_delay_ = no_delay_ || config_->no_delay;
    delivered_at_ = first_sent_ = last_sent_ = now;
    control_ = make_congestion(config_->congestion, segment_size_, config_->initial_window);
    started_ = true;
}

std::size_t tcp_sender::room() const noexcept {
    if (finishing_) {
        return 0;
    }
    // Twice the window, so that a whole one is ready when a whole one is acknowledged.
    const std::size_t wanted = control_ == nullptr ? 0 : std::size_t{2} * control_->window();
    const std::size_t limit = std::clamp<std::size_t>(
        wanted, config_->send_buffer, std::max(config_->send_buffer, config_->max_send_buffer));
    return limit > data_.bytes() ? limit - data_.bytes() : 0;
}

std::size_t tcp_sender::write(buffer& data) {
    const std::size_t part = std::min(room(), data.size());
    if (part > 0) {
        data_.append(part == data.size() ? std::move(data) : data.take_front(part));
    }
    return part;
}

std::uint32_t tcp_sender::in_flight() const noexcept {
    const std::uint32_t flight = board_.in_flight_bytes();
    // Without SACK, a duplicate acknowledgment says that some segment left the network.
    return selective_ack_ ? flight : flight - std::min(flight, duplicate_acks_ * segment_size_);
}

std::uint32_t tcp_sender::congestion_window() const noexcept {
    if (control_ == nullptr) {
        return 0;
    }
    const bool by_rate = state_ == state::recovery && !control_->owns_recovery();
    return by_rate ? rate_window_ : control_->window();
}

void tcp_sender::update_window(const tcp_header& header, sender_progress& progress) noexcept {
    // RFC 9293 3.10.7.4: never from an older segment than the last one it was taken from.
    if (header.number < window_number_ ||
        (header.number == window_number_ && header.ack < window_ack_)) {
        return;
    }
    const std::uint32_t window = std::uint32_t{header.window} << window_scale_;
    progress.window_opened = header.ack + window > window_ack_ + window_ || window > window_;
    window_ = window;
    window_number_ = header.number;
    window_ack_ = header.ack;
    largest_window_ = std::max(largest_window_, window_);
    if (window == 0) {
        return;
    }
    persist_backoff_ = 0;
    if (timer_ == timer::persist) {
        timer_ = timer::none;
        deadline_ = never;
    }
}

bool tcp_sender::take_duplicate_report(const tcp_header& header) noexcept {
    // RFC 2883 4: the first block, if it is below the acknowledgment or inside of the second.
    if (header.sack.empty()) {
        return false;
    }
    const sequence_range& first = header.sack[0];
    const bool duplicate =
        first.begin < first.end &&
        (first.end <= header.ack || (header.sack.size() > 1 && header.sack[1].contains(first)));
    if (!duplicate) {
        return false;
    }
    ++counters_->duplicates_reported;
    // RFC 8985 6.2 step 4: grow with duplicates, once a round trip.
    if (una_ >= duplicate_round_end_) {
        duplicate_round_end_ = next_;
        reorder_multiplier_ = std::min(reorder_multiplier_ + 1, 255U);
        reorder_persist_ = 16;
    }
    if (can_undo_ && first.begin >= undo_from_ && first.end <= recovery_end_) {
        undo_bytes_ -= std::min(undo_bytes_, first.size());
    }
    return true;
}

void tcp_sender::take_sacks(const tcp_header& header, delivery_report& report) {
    for (const sequence_range& block : header.sack.span()) {
        // Anything else is a duplicate report, is old, or is wrong: never more than was sent.
        const sequence begin = later(block.begin, later(una_, header.ack));
        if (block.begin < block.end && block.end <= next_ && begin < block.end &&
            block.begin >= una_) {
            board_.sack({begin, block.end}, data_, report);
        }
    }
}

void tcp_sender::take_cumulative(sequence ack, delivery_report& report, sender_progress& progress,
                                 time_point now) {
    if (ack <= una_) {
        return;
    }
    std::uint32_t length = ack - una_;
    board_.acknowledge(ack, data_, report);
    una_ = ack;
    if (fin_sent_ && ack == next_) {
        progress.fin_acked = !fin_acked_;
        fin_acked_ = true;
        --length;
    }
    data_una_ += length;
    progress.advanced = true;
    timeouts_in_row_ = 0;
    rtt_.restore();
    stalled_since_ = board_.empty() ? never : now;
    const std::uint32_t segments = length / std::max(segment_size_, 1U);
    duplicate_acks_ -= std::min(duplicate_acks_, std::max(segments, 1U) - 1);
    if (state_ == state::open) {
        duplicate_acks_ = 0;
    }
}

/// RFC 8899 5.3: what arrived as one segment is a size that the path carries.
void tcp_sender::take_path_probe(time_point now) noexcept {
    if (!path_.outstanding() || una_ < path_.end()) {
        return;
    }
    if (path_.size() > segment_size_) {
        segment_size_ = path_.size();
        control_->set_segment_size(segment_size_);
    }
    path_.succeeded();
    (void)path_.next(segment_size_, now); // sets the time of the next search, if this one is over
}

void tcp_sender::take_round_trip(const tcp_header& header, const delivery_report& report,
                                 time_point now) {
    if (report.has_rtt && !report.retransmission_delivered) {
        rtt_.sample(now - report.oldest_original, now);
    } else if (timestamps_ && header.timestamps && header.timestamps->echo != 0 &&
               report.acked > 0) {
        // RFC 7323 4.1. Coarser than our own memory, so only where that has nothing to say.
        const std::uint32_t span = timestamp_clock(now) - header.timestamps->echo;
        rtt_.sample(std::chrono::milliseconds(std::min(span, 60'000U)), now);
    }
}

void tcp_sender::count_duplicate(const tcp_header& header, bool payload, std::uint32_t old_window,
                                 const delivery_report& report) noexcept {
    const bool duplicate = header.ack == una_ && report.acked == 0 && !payload && !board_.empty() &&
                           window_ == old_window && !header.is_fin();
    if (!selective_ack_ && duplicate) {
        const std::uint32_t most = board_.in_flight_bytes() / std::max(segment_size_, 1U);
        duplicate_acks_ = std::min(duplicate_acks_ + 1, most);
    }
}

sender_progress tcp_sender::on_ack(const tcp_header& header, bool payload, time_point now) {
    sender_progress progress;
    const std::uint32_t old_window = window_;
    const std::uint32_t prior_in_flight = in_flight();
    const sequence prior_una = una_;
    update_window(header, progress);
    delivery_report report;
    if (selective_ack_ && !header.sack.empty()) {
        take_duplicate_report(header);
        take_sacks(header, report);
    }
    take_cumulative(header.ack, report, progress, now);
    count_duplicate(header, payload, old_window, report);
    if (board_.empty() && !progress.advanced) {
        stalled_since_ = never; // it answers our probes, if there are any
        undo_if_needless(header, report, now);
        arm(now);
        return progress;
    }
    if (window_ == 0 && stalled_since_ != never) {
        stalled_since_ = now;
    }
    take_path_probe(now);
    take_round_trip(header, report, now);
    if (report.delivered > 0) {
        delivered_ += report.delivered;
        delivered_at_ = now;
    }
    const std::uint32_t lost_before = board_.lost_bytes();
    if (selective_ack_) {
        update_rack(header, report, now);
        detect_losses(now);
    }
    const std::uint32_t lost_now = board_.lost_bytes();
    recover(header, report, prior_in_flight, prior_una, now);
    react_to_mark(header, now);
    const std::uint32_t lost = lost_now > lost_before ? lost_now - lost_before : 0;
    inform_control(header, report, prior_in_flight, lost, now);
    if (progress.advanced && timer_ != timer::none) {
        timer_ = timer::none; // RFC 6298 5.3: it starts again
        deadline_ = never;
    }
    arm(now);
    if (board_.empty() && data_.empty()) {
        board_.shrink();
    }
    return progress;
}

void tcp_sender::inform_control(const tcp_header& header, const delivery_report& report,
                                std::uint32_t prior_in_flight, std::uint32_t lost, time_point now) {
    if (report.delivered == 0 && report.acked == 0) {
        return;
    }
    congestion_sample sample;
    sample.now = now;
    sample.acked = report.acked;
    sample.delivered = report.delivered;
    sample.lost = lost;
    sample.in_flight = in_flight();
    sample.prior_in_flight = prior_in_flight;
    sample.rtt = report.has_rtt && !report.retransmission_delivered
                     ? std::max(now - report.newest_original, duration(1))
                     : duration();
    sample.smoothed_rtt = rtt_.smoothed();
    sample.minimum_rtt = rtt_.measured() ? rtt_.minimum() : duration();
    sample.una = header.ack;
    sample.next = next_;
    sample.window_limited = congestion_limited_;
    sample.in_recovery = state_ == state::recovery;
    sample.total_delivered = delivered_;
    sample.prior_delivered = report.prior_delivered;
    if (report.has_rate) {
        // The longer of the time it took to send and to acknowledge: neither can be faster than
        // the path, but bursts make either look so.
        const duration sending = report.rate_sent - report.prior_first_sent;
        const duration acking = now - report.prior_delivered_at;
        const duration interval = std::max(sending, acking);
        first_sent_ = report.rate_sent;
        if (interval > duration::zero() && interval >= sample.minimum_rtt) {
            const double bytes = static_cast<double>(delivered_ - report.prior_delivered);
            const double span = std::chrono::duration<double>(interval).count();
            sample.delivery_rate = static_cast<std::uint64_t>(bytes / span);
            sample.application_limited = report.rate_application_limited;
            delivery_rate_ = sample.delivery_rate;
        }
    }
    control_->on_ack(sample);
}

void tcp_sender::clear() noexcept {
    data_.clear();
    data_sent_ = data_una_;
    board_ = {};
    timer_ = timer::none;
    deadline_ = never;
    reorder_deadline_ = never;
    stalled_since_ = never;
    started_ = false;
    finishing_ = true;
}

} // namespace runnel::inline v0::stack
