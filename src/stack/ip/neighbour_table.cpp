// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/neighbour_table.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {

std::string_view name(neighbour_state state) noexcept {
    switch (state) {
    case neighbour_state::incomplete:
        return "incomplete";
    case neighbour_state::reachable:
        return "reachable";
    case neighbour_state::stale:
        return "stale";
    case neighbour_state::probe:
        return "probe";
    case neighbour_state::permanent:
        return "permanent";
    }
    return "unknown";
}

neighbour_table::neighbour_table(const neighbour_limits& limits)
    : limits_(limits), places_(16, hasher{siphash_key::generate()}) {}

neighbour_table::entry* neighbour_table::find(const ip_address& target) noexcept {
    const auto known = places_.find(target);
    return known != places_.end() ? &entries_[known->second] : nullptr;
}

std::optional<neighbour_table::answer> neighbour_table::resolve(const ip_address& target,
                                                                time_point now) {
    entry* known = find(target);
    if (known == nullptr) {
        known = &add(target);
        ask(*known, now);
        watch(places_.at(target));
        return std::nullopt;
    }
    const std::uint32_t place = places_.at(target);
    touch(place);
    switch (known->state) {
    case neighbour_state::incomplete:
        return std::nullopt;
    case neighbour_state::permanent:
        return answer{known->mac, never};
    case neighbour_state::probe:
        return answer{known->mac, known->deadline};
    case neighbour_state::reachable:
        if (now < known->deadline) {
            return answer{known->mac, known->deadline};
        }
        known->state = neighbour_state::stale;
        break;
    case neighbour_state::stale:
        break;
    }
    // In use again: whether it is still there is asked while its old place is believed.
    known->state = neighbour_state::probe;
    known->asked = 0;
    ask(*known, now);
    watch(place);
    return answer{known->mac, known->deadline};
}

bool neighbour_table::wait(const ip_address& target, frame_ptr& one) {
    entry* const known = find(target);
    if (known == nullptr || known->state != neighbour_state::incomplete ||
        known->waiting.size() >= limits_.queue) {
        return false;
    }
    known->waiting.push_back(std::move(one));
    return true;
}

frame_list neighbour_table::learn(const ip_address& target, mac_address mac, bool solicited,
                                  bool override, bool create, time_point now) {
    entry* known = find(target);
    if (known == nullptr) {
        if (!create) {
            return {};
        }
        known = &add(target);
        known->state = neighbour_state::stale;
        known->mac = mac;
        return {};
    }
    if (known->state == neighbour_state::permanent) {
        return {};
    }
    const bool was_incomplete = known->state == neighbour_state::incomplete;
    const bool differs = !was_incomplete && known->mac != mac;
    if (differs && !override) {
        // RFC 4861 7.2.5 (I): the old place is doubted, and not replaced.
        if (known->state == neighbour_state::reachable) {
            known->state = neighbour_state::stale;
            ++generation_;
        }
        return {};
    }
    if (differs) {
        ++generation_;
    }
    known->mac = mac;
    if (solicited) {
        known->state = neighbour_state::reachable;
        known->deadline = now + limits_.reachable;
    } else if (was_incomplete || differs) {
        known->state = neighbour_state::stale;
    }
    frame_list released;
    released.append(std::move(known->waiting));
    return released;
}

void neighbour_table::set_permanent(const ip_address& target, mac_address mac) {
    remove(target);
    entry& added = add(target);
    const std::uint32_t place = places_.at(target);
    unlink(place);
    --learned_;
    added.state = neighbour_state::permanent;
    added.mac = mac;
}

void neighbour_table::remove(const ip_address& target) {
    if (const auto known = places_.find(target); known != places_.end()) {
        drop(known->second);
    }
}

void neighbour_table::on_timer(time_point now, frame_list& lost) {
    if (now < deadline_) {
        return;
    }
    deadline_ = never;
    std::vector<std::uint32_t> due;
    due.swap(asking_);
    for (const std::uint32_t place : due) {
        entry& one = entries_[place];
        const bool asking =
            one.state == neighbour_state::incomplete || one.state == neighbour_state::probe;
        if (!asking || !places_.contains(one.address)) {
            continue;
        }
        if (now >= one.deadline) {
            if (one.asked >= limits_.attempts) {
                lost.append(std::move(one.waiting));
                drop(place);
                continue;
            }
            ask(one, now);
        }
        watch(place);
    }
}

std::vector<neighbour_info> neighbour_table::list() const {
    std::vector<neighbour_info> rows;
    for (const entry& one : entries_) {
        if (const auto known = places_.find(one.address);
            known != places_.end() && &entries_[known->second] == &one) {
            const bool has_mac = one.state != neighbour_state::incomplete;
            rows.push_back(
                {one.address, has_mac ? std::optional(one.mac) : std::nullopt, one.state});
        }
    }
    std::sort(rows.begin(), rows.end(), [](const neighbour_info& a, const neighbour_info& b) {
        return a.address < b.address;
    });
    return rows;
}

neighbour_table::entry& neighbour_table::add(const ip_address& target) {
    if (learned_ >= limits_.capacity && oldest_ != none) {
        drop(oldest_);
    }
    std::uint32_t place = 0;
    if (free_.empty()) {
        place = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        place = free_.back();
        free_.pop_back();
        entries_[place] = entry();
    }
    entries_[place].address = target;
    places_.emplace(target, place);
    ++learned_;
    entry& added = entries_[place];
    added.older = newest_;
    (newest_ != none ? entries_[newest_].newer : oldest_) = place;
    newest_ = place;
    return added;
}

/// One more question. The first probes go to where the neighbour was, the last one to everybody.
void neighbour_table::ask(entry& about, time_point now) {
    const bool last = about.asked + 1 >= limits_.attempts;
    const bool unicast = about.state == neighbour_state::probe && !last;
    questions.push_back({about.address, unicast ? std::optional(about.mac) : std::nullopt});
    ++about.asked;
    about.deadline = now + limits_.retransmit;
}

void neighbour_table::watch(std::uint32_t place) {
    asking_.push_back(place);
    deadline_ = std::min(deadline_, entries_[place].deadline);
}

void neighbour_table::drop(std::uint32_t place) {
    entry& gone = entries_[place];
    if (gone.state != neighbour_state::permanent) {
        unlink(place);
        --learned_;
    }
    places_.erase(gone.address);
    std::erase(asking_, place);
    gone.waiting.clear();
    gone.state = neighbour_state::stale;
    free_.push_back(place);
    ++generation_;
}

void neighbour_table::touch(std::uint32_t place) noexcept {
    entry& used = entries_[place];
    if (place == newest_ || used.state == neighbour_state::permanent) {
        return;
    }
    unlink(place);
    used.older = newest_;
    (newest_ != none ? entries_[newest_].newer : oldest_) = place;
    newest_ = place;
}

void neighbour_table::unlink(std::uint32_t place) noexcept {
    entry& one = entries_[place];
    (one.newer != none ? entries_[one.newer].older : newest_) = one.older;
    (one.older != none ? entries_[one.older].newer : oldest_) = one.newer;
    one.newer = one.older = none;
}

} // namespace runnel::inline v0::stack
