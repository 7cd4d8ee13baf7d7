// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/time_wait_table.hpp"

#include "runnel/stack/tcp_sender.hpp"

namespace runnel::inline v0::stack {

namespace {

constexpr std::uint32_t none = handle_table::none;

std::uint32_t milliseconds(time_point when) noexcept {
    return timestamp_clock(when);
}

} // namespace

std::uint32_t time_wait_table::find(const tcp_key& key) const noexcept {
    return table_.find(key.hash(secret_), [&](std::uint32_t at) { return slab_[at].key == key; });
}

bool time_wait_table::contains(const tcp_key& key) const noexcept {
    return find(key) != none;
}

void time_wait_table::set_expiry(record& one, time_point when, bool timestamps) noexcept {
    one.expires = (milliseconds(when) & ~1U) | (timestamps ? 1U : 0U);
}

time_wait_entry time_wait_table::entry_of(const record& one, time_point now) const noexcept {
    time_wait_entry entry;
    const auto left = static_cast<std::int32_t>((one.expires & ~1U) - milliseconds(now));
    entry.expires = now + std::chrono::milliseconds(left);
    entry.next = sequence(one.next);
    entry.expected = sequence(one.expected);
    entry.peer_timestamp = one.peer_timestamp;
    entry.timestamp_offset = one.timestamp_offset;
    entry.timestamps = (one.expires & 1U) != 0;
    return entry;
}

void time_wait_table::link(std::uint32_t which) noexcept {
    slab_[which].older = newest_;
    slab_[which].newer = none;
    (newest_ == none ? oldest_ : slab_[newest_].newer) = which;
    newest_ = which;
}

void time_wait_table::unlink(std::uint32_t which) noexcept {
    const record& one = slab_[which];
    (one.older == none ? oldest_ : slab_[one.older].newer) = one.newer;
    (one.newer == none ? newest_ : slab_[one.newer].older) = one.older;
}

void time_wait_table::remove(std::uint32_t which) noexcept {
    unlink(which);
    table_.erase(slab_[which].key.hash(secret_), which);
    slab_[which].newer = free_;
    free_ = which;
}

void time_wait_table::add(const tcp_key& key, const time_wait_entry& entry, time_point now) {
    if (table_.size() >= limit_ && oldest_ != none) {
        remove(oldest_);
    }
    base_ = now;
    record one;
    one.key = key;
    one.next = entry.next.number();
    one.expected = entry.expected.number();
    one.peer_timestamp = entry.peer_timestamp;
    one.timestamp_offset = entry.timestamp_offset;
    set_expiry(one, now + span_, entry.timestamps);
    std::uint32_t which = free_;
    if (which == none) {
        which = static_cast<std::uint32_t>(slab_.size());
        slab_.push_back(one);
    } else {
        free_ = slab_[which].newer;
        slab_[which] = one;
    }
    table_.insert(key.hash(secret_), which);
    link(which);
}

std::optional<time_wait_table::outcome>
time_wait_table::receive(const tcp_key& key, const tcp_header& header, std::uint32_t length,
                         tcp_header& answer, time_point now) {
    const std::uint32_t which = find(key);
    if (which == none) {
        return std::nullopt;
    }
    time_wait_entry entry = entry_of(slab_[which], now);
    const time_point before = entry.expires;
    outcome result;
    result.verdict = entry.take(header, length, span_, now);
    switch (result.verdict) {
    case time_wait_entry::verdict::ignore:
        break;
    case time_wait_entry::verdict::acknowledge:
        entry.acknowledge(answer, now);
        if (entry.expires != before) {
            set_expiry(slab_[which], entry.expires, entry.timestamps);
            unlink(which);
            link(which);
        }
        break;
    case time_wait_entry::verdict::reopen:
        // Beyond anything the old connection may have in the network.
        result.next = entry.next + 65'535 + 1;
        remove(which);
        break;
    }
    return result;
}

bool time_wait_table::reuse(const tcp_key& key, time_point now) noexcept {
    const std::uint32_t which = find(key);
    if (which == none) {
        return true;
    }
    // A second later our clock has certainly ticked, so the peer can tell old from new.
    const time_wait_entry entry = entry_of(slab_[which], now);
    if (!entry.timestamps || entry.expires - now > span_ - std::chrono::seconds(1)) {
        return false;
    }
    remove(which);
    return true;
}

time_point time_wait_table::deadline() const noexcept {
    if (oldest_ == none) {
        return never;
    }
    const auto left =
        static_cast<std::int32_t>((slab_[oldest_].expires & ~1U) - milliseconds(base_));
    return base_ + std::chrono::milliseconds(left);
}

void time_wait_table::expire(time_point now) noexcept {
    while (oldest_ != none && entry_of(slab_[oldest_], now).expires <= now) {
        remove(oldest_);
    }
    base_ = now;
}

} // namespace runnel::inline v0::stack
