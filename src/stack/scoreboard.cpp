// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/scoreboard.hpp"

#include "runnel/core/check.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

using status = transmission::status;

namespace {

/// `length` rounded to a border between the segments of a transmission.
std::uint32_t border_below(const transmission& one, std::uint32_t length) noexcept {
    return length - length % one.segment_size;
}
std::uint32_t border_above(const transmission& one, std::uint32_t length) noexcept {
    return std::min(one.length, border_below(one, length + one.segment_size - 1));
}

} // namespace

scoreboard::handle scoreboard::push(const transmission& what) {
    const handle which = make(what);
    slab_[which].state = status::in_flight;
    order_.push_back(which);
    append(in_flight_, which);
    return which;
}

scoreboard::handle scoreboard::make(const transmission& what) {
    if (free_ == none) {
        slab_.push_back(what);
        return static_cast<handle>(slab_.size() - 1);
    }
    const handle which = free_;
    free_ = slab_[which].next;
    slab_[which] = what;
    return which;
}

void scoreboard::free(handle which) noexcept {
    slab_[which].next = free_;
    free_ = which;
}

scoreboard::list* scoreboard::list_of(const transmission& one) noexcept {
    switch (one.state) {
    case status::in_flight:
        return &in_flight_;
    case status::lost:
        return &lost_;
    case status::sacked:
        break;
    }
    return nullptr;
}

void scoreboard::append(list& where, handle which) noexcept {
    insert_after(where, which, where.tail);
}

void scoreboard::insert_after(list& where, handle which, handle position) noexcept {
    transmission& one = slab_[which];
    one.previous = position;
    one.next = position == none ? where.head : slab_[position].next;
    (one.next == none ? where.tail : slab_[one.next].previous) = which;
    (position == none ? where.head : slab_[position].next) = which;
    where.bytes += one.length;
}

void scoreboard::remove(list& where, handle which) noexcept {
    const transmission& one = slab_[which];
    (one.previous == none ? where.head : slab_[one.previous].next) = one.next;
    (one.next == none ? where.tail : slab_[one.next].previous) = one.previous;
    where.bytes -= one.length;
}

/// The index of the transmission that holds `place`, or the number of all if it lies behind.
std::size_t scoreboard::find(sequence place) const noexcept {
    std::size_t low = 0;
    std::size_t high = order_.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (slab_[order_[middle]].end() <= place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void scoreboard::note(const transmission& one, sequence end, std::uint32_t bytes,
                      delivery_report& report) noexcept {
    report.delivered += bytes;
    // RFC 8985 6.2: the later one of two, by time and then by place.
    if (!report.has_latest || one.sent > report.latest_sent ||
        (one.sent == report.latest_sent && end > report.latest_end)) {
        report.has_latest = true;
        report.latest_sent = one.sent;
        report.latest_end = end;
        report.latest_retransmitted = one.times_retransmitted > 0;
    }
    if (one.times_retransmitted == 0) {
        if (!report.has_rtt || one.sent < report.oldest_original) {
            report.oldest_original = one.sent;
        }
        if (!report.has_rtt || one.sent > report.newest_original) {
            report.newest_original = one.sent;
        }
        report.has_rtt = true;
        if (!report.original_delivered || end < report.lowest_original) {
            report.lowest_original = end;
        }
        report.original_delivered = true;
    } else {
        report.retransmission_delivered = true;
    }
    if (!report.has_rate || one.delivered >= report.prior_delivered) {
        report.has_rate = true;
        report.prior_delivered = one.delivered;
        report.prior_delivered_at = one.delivered_at;
        report.prior_first_sent = one.first_sent;
        report.rate_sent = one.sent;
        report.rate_application_limited = one.application_limited;
    }
}

void scoreboard::acknowledge(sequence ack, send_buffer& data, delivery_report& report) noexcept {
    while (!empty() && slab_[order_[0]].begin < ack) {
        const handle which = order_[0];
        transmission& one = slab_[which];
        const std::uint32_t part = std::min(one.length, ack - one.begin);
        if (report.acked == 0 && one.times_retransmitted == 1) {
            report.has_repair = one.state == status::in_flight;
            report.repair_sent = one.sent;
        }
        report.acked += part;
        if (list* const members = list_of(one); members != nullptr) {
            note(one, one.begin + part, part, report);
            if (part == one.length) {
                remove(*members, which);
            } else {
                members->bytes -= part;
            }
        } else {
            sacked_bytes_ -= part;
        }
        const std::uint32_t payload = std::min(part, one.payload());
        if (part == one.length) {
            order_.drop_front();
            free(which);
        } else {
            one.data = data.advance(one.data, part);
            one.begin += part;
            one.length -= part;
        }
        data.release(payload);
    }
}

void scoreboard::take_sacked(std::size_t index, delivery_report& report) noexcept {
    const handle which = order_[index];
    transmission& one = slab_[which];
    remove(*list_of(one), which);
    note(one, one.end(), one.length, report);
    if (sacked_bytes_ == 0 || highest_sacked_ < one.end()) {
        highest_sacked_ = one.end();
    }
    one.state = status::sacked;
    sacked_bytes_ += one.length;
}

void scoreboard::merge_sacked(std::size_t index) noexcept {
    transmission& one = slab_[order_[index]];
    while (index + 1 < order_.size()) {
        const handle after = order_[index + 1];
        if (slab_[after].state != status::sacked) {
            break;
        }
        one.length += slab_[after].length;
        one.fin = slab_[after].fin;
        free(after);
        order_.erase(index + 1);
    }
}

void scoreboard::sack(sequence_range block, send_buffer& data, delivery_report& report) {
    std::size_t index = find(block.begin);
    while (index < order_.size() && slab_[order_[index]].begin < block.end) {
        // A copy, because a split may move what it refers to.
        const transmission one = slab_[order_[index]];
        if (one.state == status::sacked) {
            ++index;
            continue;
        }
        // Only whole segments count: those at both ends that are covered in part do not.
        const std::uint32_t from =
            block.begin <= one.begin ? 0 : border_above(one, block.begin - one.begin);
        const std::uint32_t to =
            block.end >= one.end() ? one.length : border_below(one, block.end - one.begin);
        if (from >= to) {
            ++index;
            continue;
        }
        if ((from > 0 || to < one.length) && order_.size() + 2 > max_transmissions) {
            return;
        }
        if (to < one.length) {
            split_at(index, to, data);
        }
        if (from > 0) {
            split_at(index, from, data);
            ++index;
        }
        take_sacked(index, report);
        if (index > 0 && slab_[order_[index - 1]].state == status::sacked) {
            --index;
        }
        merge_sacked(index);
        ++index;
    }
}

void scoreboard::split_at(std::size_t index, std::uint32_t length, send_buffer& data) {
    const handle which = order_[index];
    transmission rest = slab_[which];
    rest.begin += length;
    rest.length -= length;
    rest.data = data.advance(rest.data, length);
    const handle second = make(rest);
    transmission& one = slab_[which];
    one.length = length;
    one.fin = false;
    if (list* const members = list_of(one); members != nullptr) {
        members->bytes -= rest.length;
        insert_after(*members, second, which);
    }
    order_.insert(index + 1, second);
}

void scoreboard::split(handle which, std::uint32_t length, send_buffer& data) {
    check(length > 0 && length < slab_[which].length, "both parts of a split are something");
    split_at(find(slab_[which].begin), length, data);
}

void scoreboard::mark_lost(handle which) noexcept {
    remove(in_flight_, which);
    slab_[which].state = status::lost;
    append(lost_, which);
}

void scoreboard::mark_all_lost() noexcept {
    in_flight_ = {};
    lost_ = {};
    for (std::size_t i = 0; i < order_.size(); ++i) {
        transmission& one = slab_[order_[i]];
        if (one.state != status::sacked) {
            one.state = status::lost;
            append(lost_, order_[i]);
        }
    }
}

void scoreboard::unmark_lost() noexcept {
    // They were sent before anything that is still in flight, so they go in front of it.
    while (lost_.tail != none) {
        const handle which = lost_.tail;
        remove(lost_, which);
        slab_[which].state = status::in_flight;
        insert_after(in_flight_, which, none);
    }
}

void scoreboard::forget_sacked() noexcept {
    for (std::size_t i = 0; i < order_.size(); ++i) {
        transmission& one = slab_[order_[i]];
        if (one.state == status::sacked) {
            one.state = status::lost;
            append(lost_, order_[i]);
        }
    }
    sacked_bytes_ = 0;
}

void scoreboard::retransmitted(handle which, time_point now) noexcept {
    transmission& one = slab_[which];
    remove(*list_of(one), which);
    one.state = status::in_flight;
    one.sent = now;
    if (one.times_retransmitted < 255) {
        ++one.times_retransmitted;
    }
    append(in_flight_, which);
}

void scoreboard::shrink() noexcept {
    slab_ = decltype(slab_)();
    free_ = none;
    order_.clear();
}

} // namespace runnel::inline v0::stack
