// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_receiver.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// So many segments after an opening, a pause or a hole are acknowledged one by one, because the
// sender's window then grows by acknowledgments.
constexpr std::uint8_t quick_acks = 16;
constexpr duration pause = std::chrono::seconds(1);
// Without SACK the number of duplicate acknowledgments tells what one SACK would (RFC 5681 4.2).
constexpr std::uint8_t max_extra_acks = 3;

} // namespace

std::uint8_t tcp_receiver::scale_for(std::uint32_t largest_buffer) noexcept {
    std::uint8_t scale = 0;
    while (scale < 14 && largest_buffer >> scale > 0xffff) {
        ++scale;
    }
    return scale;
}

void tcp_receiver::start(sequence first, std::uint8_t scale, bool selective_ack,
                         std::uint32_t offered) noexcept {
    queue_.start(first);
    edge_ = first + offered;
    last_acknowledged_ = first;
    scale_ = scale;
    selective_ack_ = selective_ack;
    quick_acks_ = quick_acks;
}

std::uint32_t tcp_receiver::free_space() const noexcept {
    const auto held = static_cast<std::uint32_t>(queue_.readable());
    return limit_ > held ? limit_ - held : 0;
}

tcp_receiver::arrival tcp_receiver::take(sequence number, buffer payload, bool fin,
                                         time_point now) {
    arrival result;
    const std::size_t size = payload.size();
    sequence end = number + static_cast<std::uint32_t>(size);
    if (finished_ && size > 0 && end > queue_.next() - 1) {
        counters_->drop(tcp_drop::after_end);
        now_ = true;
        return result;
    }
    if (end > edge_) {
        payload.remove_suffix(end - edge_);
        end = edge_;
        fin = false;
        now_ = true;
        if (payload.empty()) {
            counters_->drop(tcp_drop::outside_window);
            return result;
        }
    }
    if (fin_ && end > *fin_) {
        counters_->drop(tcp_drop::after_end);
        now_ = true;
        return result;
    }
    if (fin && finished_) {
        now_ = true; // the peer did not hear that we have it
    }
    if (fin && !fin_) {
        // Bytes behind the end cannot be: they would come after the last one.
        if (!queue_.has_holes() || queue_.highest() <= end) {
            fin_ = end;
        }
        now_ = true;
    }
    const sequence before = queue_.next();
    if (!payload.empty()) {
        received_ += payload.size();
        if (queue_.holds({number, end})) {
            note_duplicate({number, end});
            counters_->drop(tcp_drop::duplicate);
        } else {
            const auto outcome = queue_.insert(number, std::move(payload));
            if (outcome == receive_queue::outcome::refused) {
                counters_->drop(tcp_drop::reassembly_limit);
            }
            schedule(size, outcome, now);
        }
    }
    result.readable = queue_.next() > before && !discarding_;
    if (discarding_ && queue_.next() > before) {
        edge_ = later(edge_, queue_.next() + limit_);
    }
    if (fin_ && !finished_ && queue_.next() == *fin_) {
        queue_.skip_one();
        edge_ = later(edge_, queue_.next());
        finished_ = result.finished = true;
        now_ = true;
    }
    return result;
}

void tcp_receiver::schedule(std::size_t bytes, receive_queue::outcome outcome, time_point now) {
    if (now - last_arrival_ > pause) {
        quick_acks_ = quick_acks;
    }
    last_arrival_ = now;
    // RFC 9293 3.8.6.3 counts segments of full size. One made of many is larger than any the
    // network carries, but then two of the real ones are in it.
    const std::size_t plausible = std::min<std::size_t>(bytes, config_->max_segment_size);
    segment_size_ = static_cast<std::uint16_t>(std::max<std::size_t>(segment_size_, plausible));
    unacknowledged_ += static_cast<std::uint32_t>(bytes);
    if (outcome != receive_queue::outcome::in_order) {
        // RFC 5681 4.2: at once, for what is behind a hole and for what fills it.
        quick_acks_ = quick_acks;
        const bool out_of_order = outcome == receive_queue::outcome::out_of_order;
        if (!selective_ack_ && out_of_order && hole_pending_ && extra_acks_ < max_extra_acks) {
            ++extra_acks_;
        }
        hole_pending_ = out_of_order;
        now_ = true;
        return;
    }
    if (quick_acks_ > 0) {
        --quick_acks_;
        now_ = true;
    } else if (unacknowledged_ >= 2U * segment_size_) {
        now_ = true;
    } else if (deadline_ == never) {
        deadline_ = now + config_->delayed_ack;
    }
}

void tcp_receiver::note_duplicate(sequence_range range) noexcept {
    if (selective_ack_ && !duplicate_) {
        duplicate_ = range;
    }
    now_ = true;
}

std::uint16_t tcp_receiver::offer() noexcept {
    // RFC 9293 3.8.6.2.2: the edge moves by a segment or half of the buffer at least, so that the
    // peer is not lured into sending little pieces.
    const sequence wanted = queue_.next() + free_space();
    const std::uint32_t step = std::min<std::uint32_t>(limit_ / 2, segment_size_);
    if (wanted > edge_ && wanted - edge_ >= step) {
        edge_ = wanted;
    }
    // Rounded down, so that nothing is offered that was not meant: the peer then sees an edge that
    // is too low by less than a unit of the scale (RFC 7323 2.4).
    const std::uint32_t window = (edge_ - queue_.next()) >> scale_;
    return static_cast<std::uint16_t>(std::min(window, 0xffffU));
}

void tcp_receiver::report(sack_blocks& blocks, std::size_t limit) noexcept {
    if (!selective_ack_) {
        return;
    }
    if (duplicate_) {
        blocks.add(*duplicate_);
        duplicate_.reset();
    }
    if (queue_.has_holes() && blocks.size() < limit) {
        queue_.report(blocks, limit - blocks.size());
    }
}

void tcp_receiver::acknowledged() noexcept {
    last_acknowledged_ = queue_.next();
    deadline_ = never;
    unacknowledged_ = 0;
    if (extra_acks_ > 0) {
        --extra_acks_;
        return;
    }
    now_ = false;
    hole_pending_ = false;
}

buffer tcp_receiver::read(time_point now, duration round_trip) {
    buffer data = queue_.read();
    after_read(data.size(), now, round_trip);
    return data;
}

std::size_t tcp_receiver::read_into(std::span<std::byte> target, time_point now,
                                    duration round_trip) {
    const std::size_t size = queue_.read_into(target);
    after_read(size, now, round_trip);
    return size;
}

void tcp_receiver::after_read(std::size_t bytes, time_point now, duration round_trip) {
    if (bytes == 0) {
        return;
    }
    // Dynamic right-sizing: room for twice what the program takes in a round trip, because a
    // sender's window may double in the next.
    measured_ += static_cast<std::uint32_t>(std::min<std::size_t>(bytes, 1U << 30U));
    if (now - measure_began_ >= round_trip) {
        const bool whole = now - measure_began_ < 2 * round_trip || round_trip == duration::zero();
        const std::uint64_t wanted =
            std::uint64_t{2} * measured_ + std::uint64_t{2} * segment_size_;
        if (whole && wanted > limit_) {
            const std::uint32_t most = std::max(config_->max_receive_buffer, limit_);
            limit_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, most));
        }
        measure_began_ = now;
        measured_ = 0;
    }
    // An update is worth a segment of its own when the peer may be waiting for it.
    const sequence wanted = queue_.next() + free_space();
    const std::uint32_t gain = wanted > edge_ ? wanted - edge_ : 0;
    const std::uint32_t open = edge_ - queue_.next();
    if (!finished_ && gain >= std::min<std::uint32_t>(limit_ / 2, 2U * segment_size_) &&
        open < limit_ / 2) {
        now_ = true;
    }
}

void tcp_receiver::discard() {
    discarding_ = true;
    queue_.discard();
    edge_ = later(edge_, queue_.next() + limit_);
    now_ = !finished_;
}

} // namespace runnel::inline v0::stack
