// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/receive_queue.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// A buffer that keeps more memory than this for what it holds is copied. A full frame of 1460 bytes
// is not; what a peer sends in tiny segments is, so it cannot make us hold a frame for a byte.
bool is_wasteful(const buffer& data) noexcept {
    return data.footprint() > 2 * data.size() + 1024;
}

constexpr std::size_t gathering = 2048;

bool append_copy(buffer& target, const buffer& data) noexcept {
    const std::size_t before = target.size();
    if (!target.unique() || target.tailroom() < data.size() || !target.append(data.size())) {
        return false;
    }
    std::memcpy(target.writable().data() + before, data.data(), data.size());
    return true;
}

/// Puts wasteful `data` in front of `first` if there is room, or into a buffer with room in front.
bool gather_in_front(buffer& first, buffer& data) {
    if (!is_wasteful(data)) {
        return false;
    }
    if (first.unique() && first.headroom() >= data.size() && first.prepend(data.size())) {
        std::memcpy(first.writable().data(), data.data(), data.size());
        return true;
    }
    buffer compact = buffer::allocate(std::max(gathering, data.size()));
    compact.remove_prefix(compact.size() - data.size());
    std::memcpy(compact.writable().data(), data.data(), data.size());
    data = std::move(compact);
    return false;
}

/// Puts `data` at the end of `last` if it is wasteful and there is room, or makes it compact.
bool gather(buffer* last, buffer& data) {
    if (!is_wasteful(data)) {
        return false;
    }
    if (last != nullptr && append_copy(*last, data)) {
        return true;
    }
    buffer compact = buffer::allocate(std::max(gathering, data.size()));
    compact.truncate(0);
    if (append_copy(compact, data)) {
        data = std::move(compact);
    }
    return false;
}

} // namespace

receive_queue::handle receive_queue::make(buffer data) {
    ++pieces_;
    if (free_ == none) {
        slab_.push_back({std::move(data), none});
        return static_cast<handle>(slab_.size() - 1);
    }
    const handle which = free_;
    free_ = slab_[which].next;
    slab_[which] = {std::move(data), none};
    return which;
}

buffer receive_queue::take(handle which) noexcept {
    --pieces_;
    buffer data = std::move(slab_[which].data);
    slab_[which].next = free_;
    free_ = which;
    return data;
}

/// The first interval that ends at `place` or behind it.
std::size_t receive_queue::first_reaching(sequence place) const noexcept {
    const auto at = std::ranges::partition_point(
        intervals_, [place](const interval& one) { return one.end < place; });
    return static_cast<std::size_t>(at - intervals_.begin());
}

bool receive_queue::holds(sequence_range range) const noexcept {
    if (range.end <= next_) {
        return true;
    }
    const std::size_t index = first_reaching(range.end);
    return index < intervals_.size() && intervals_[index].begin <= later(range.begin, next_);
}

receive_queue::outcome receive_queue::insert(sequence begin, buffer data) {
    const sequence end = begin + static_cast<std::uint32_t>(data.size());
    if (end <= next_) {
        return outcome::duplicate;
    }
    if (begin > next_) {
        return insert_behind_hole(begin, std::move(data));
    }
    data.remove_prefix(next_ - begin);
    if (!intervals_.empty() && end > intervals_.front().begin) {
        // The first copy of a byte is the one that counts: also of those waiting.
        join(0, next_, std::move(data));
        deliver_waiting();
        return outcome::filled;
    }
    next_ = end;
    deliver(std::move(data));
    return deliver_waiting() ? outcome::filled : outcome::in_order;
}

void receive_queue::deliver(buffer data) {
    if (discarding_) {
        return;
    }
    readable_ += data.size();
    if (!gather(ready_.empty() ? nullptr : &ready_.back(), data)) {
        ready_.push_back(std::move(data));
    }
}

bool receive_queue::deliver_waiting() {
    if (intervals_.empty() || intervals_.front().begin > next_) {
        return false;
    }
    const interval first = intervals_.front();
    intervals_.erase(intervals_.begin());
    for (handle at = first.head; at != none;) {
        const handle after = slab_[at].next;
        deliver(take(at));
        at = after;
    }
    next_ = first.end;
    return true;
}

receive_queue::outcome receive_queue::insert_behind_hole(sequence begin, buffer data) {
    const sequence end = begin + static_cast<std::uint32_t>(data.size());
    const std::size_t index = first_reaching(begin);
    const bool apart = index == intervals_.size() || intervals_[index].begin > end;
    if (!apart && intervals_[index].begin <= begin && end <= intervals_[index].end) {
        remember(begin);
        return outcome::duplicate;
    }
    // A segment that bridges intervals adds at most one piece more than it bridges.
    if (pieces_ >= max_pieces || (apart && intervals_.size() == max_intervals)) {
        return outcome::refused;
    }
    if (apart) {
        interval fresh{begin, begin, none, none};
        gather(nullptr, data);
        append(fresh, std::move(data));
        intervals_.insert(intervals_.begin() + static_cast<std::ptrdiff_t>(index), fresh);
    } else {
        join(index, begin, std::move(data));
    }
    remember(begin);
    return outcome::out_of_order;
}

/// Makes one interval of `data` and all intervals from `index` on that it touches.
void receive_queue::join(std::size_t index, sequence begin, buffer data) {
    const sequence end = begin + static_cast<std::uint32_t>(data.size());
    interval whole{begin, begin, none, none};
    std::size_t last = index;
    for (; last < intervals_.size() && intervals_[last].begin <= end; ++last) {
        const interval& here = intervals_[last];
        if (whole.end == begin && here.begin <= begin) {
            whole.begin = here.begin;
        } else if (here.begin > whole.end) {
            buffer gap = data.share(whole.end - begin, here.begin - whole.end);
            const bool in_front = whole.head == none && here.head != none;
            if (!in_front || !gather_in_front(slab_[here.head].data, gap)) {
                append(whole, std::move(gap));
            }
        }
        splice(whole, here);
    }
    if (end > whole.end) {
        data.remove_prefix(whole.end - begin);
        append(whole, std::move(data));
    }
    intervals_[index] = whole;
    intervals_.erase(intervals_.begin() + static_cast<std::ptrdiff_t>(index + 1),
                     intervals_.begin() + static_cast<std::ptrdiff_t>(last));
}

void receive_queue::append(interval& to, buffer data) {
    to.end += static_cast<std::uint32_t>(data.size());
    if (to.tail != none && gather(&slab_[to.tail].data, data)) {
        return;
    }
    const handle which = make(std::move(data));
    (to.tail == none ? to.head : slab_[to.tail].next) = which;
    to.tail = which;
}

void receive_queue::splice(interval& to, const interval& from) noexcept {
    (to.tail == none ? to.head : slab_[to.tail].next) = from.head;
    to.tail = from.tail;
    to.end = from.end;
}

void receive_queue::remember(sequence place) noexcept {
    // One entry an interval: the most recent one in front.
    const std::size_t index = first_reaching(place + 1);
    std::size_t kept = 0;
    std::array<sequence, sack_blocks::capacity> before = recent_;
    recent_[kept++] = place;
    for (std::size_t i = 0; i < recent_count_ && kept < recent_.size(); ++i) {
        if (before[i] > next_ && first_reaching(before[i] + 1) != index) {
            recent_[kept++] = before[i];
        }
    }
    recent_count_ = static_cast<std::uint8_t>(kept);
}

void receive_queue::report(sack_blocks& blocks, std::size_t limit) const noexcept {
    std::array<std::size_t, sack_blocks::capacity> reported{};
    std::size_t count = 0;
    const auto add = [&](std::size_t index) {
        const auto end = reported.begin() + static_cast<std::ptrdiff_t>(count);
        if (count == limit || std::find(reported.begin(), end, index) != end) {
            return;
        }
        reported[count++] = index;
        blocks.add({intervals_[index].begin, intervals_[index].end});
    };
    for (std::size_t i = 0; i < recent_count_; ++i) {
        if (recent_[i] >= next_) {
            const std::size_t index = first_reaching(recent_[i] + 1);
            if (index < intervals_.size() && intervals_[index].begin <= recent_[i]) {
                add(index);
            }
        }
    }
    for (std::size_t i = 0; i < intervals_.size() && i < limit; ++i) {
        add(i);
    }
}

buffer receive_queue::read() noexcept {
    if (ready_.empty()) {
        return {};
    }
    buffer data = ready_.pop_front();
    readable_ -= data.size();
    return data;
}

std::size_t receive_queue::read_into(std::span<std::byte> target) noexcept {
    std::size_t done = 0;
    while (done < target.size() && !ready_.empty()) {
        buffer& front = ready_[0];
        const std::size_t part = std::min(front.size(), target.size() - done);
        std::memcpy(target.data() + done, front.data(), part);
        front.remove_prefix(part);
        done += part;
        if (front.empty()) {
            ready_.drop_front();
        }
    }
    readable_ -= done;
    return done;
}

void receive_queue::discard() noexcept {
    discarding_ = true;
    readable_ = 0;
    ready_.clear();
}

void receive_queue::shrink() noexcept {
    if (ready_.empty()) {
        ready_.clear();
    }
    if (intervals_.empty()) {
        intervals_ = decltype(intervals_)();
        slab_ = decltype(slab_)();
        free_ = none;
    }
}

void receive_queue::clear() noexcept {
    ready_.clear();
    readable_ = 0;
    intervals_.clear();
    pieces_ = 0;
    shrink();
}

} // namespace runnel::inline v0::stack
