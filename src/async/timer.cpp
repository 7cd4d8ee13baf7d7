// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/timer.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace runnel::inline v0 {
namespace {

constexpr std::uint64_t digit_mask = 63;

} // namespace

timer_wheel::~timer_wheel() {
    const auto drop = [](timer* head) {
        while (head != nullptr) {
            timer* next = head->next_;
            head->previous_ = nullptr;
            head = next;
        }
    };
    drop(due_);
    for (auto& level : slots_) {
        std::ranges::for_each(level, drop);
    }
}

void timer_wheel::arm(timer& entry, time_point deadline) noexcept {
    entry.cancel();
    if (deadline == never) {
        return;
    }
    entry.deadline_ = deadline;
    entry.sequence_ = ++armed_;
    place(entry);
}

void timer_wheel::link(timer*& head, timer& entry) noexcept {
    entry.next_ = head;
    entry.previous_ = &head;
    if (head != nullptr) {
        head->previous_ = &entry.next_;
    }
    head = &entry;
}

void timer_wheel::place(timer& entry) noexcept {
    const auto moment = std::max(entry.deadline_, time_point{});
    const std::uint64_t deadline = ticks(moment);
    if (deadline <= now_) {
        link(due_, entry);
        return;
    }
    const auto level =
        static_cast<std::size_t>((63 - std::countl_zero(deadline ^ now_)) / digit_bits);
    const auto slot = static_cast<std::size_t>(deadline >> (level * digit_bits) & digit_mask);
    link(slots_[level][slot], entry);
    occupied_[level] |= std::uint64_t{1} << slot;
}

bool timer_wheel::next_event(event& next) noexcept {
    for (std::size_t level = 0; level < levels; ++level) {
        while (occupied_[level] != 0) {
            const auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
            if (slots_[level][slot] == nullptr) { // its timers were cancelled
                occupied_[level] &= occupied_[level] - 1;
                continue;
            }
            const std::size_t shift = level * digit_bits;
            const std::uint64_t above =
                shift + digit_bits < 64 ? now_ >> (shift + digit_bits) << (shift + digit_bits) : 0;
            next = {level, slot, above | std::uint64_t{slot} << shift};
            return true;
        }
    }
    return false;
}

time_point timer_wheel::next_wakeup() noexcept {
    if (due_ != nullptr) {
        return time_point(duration(static_cast<duration::rep>(now_)));
    }
    event next{};
    return next_event(next) ? time_point(duration(static_cast<duration::rep>(next.moment))) : never;
}

void timer_wheel::cascade(timer*& head) noexcept {
    while (head != nullptr) {
        timer& entry = *head;
        entry.cancel();
        place(entry);
    }
}

void timer_wheel::sort(timer*& head) {
    scratch_.clear();
    for (timer* entry = head; entry != nullptr; entry = entry->next_) {
        scratch_.push_back(entry);
    }
    // The last to fire comes first, because linking puts each in front.
    std::ranges::sort(scratch_, [](const timer* a, const timer* b) {
        return a->deadline_ != b->deadline_ ? a->deadline_ > b->deadline_
                                            : a->sequence_ > b->sequence_;
    });
    for (timer* entry : scratch_) {
        entry->cancel();
        link(head, *entry);
    }
}

bool timer_wheel::fire_due() noexcept {
    bool fired = false;
    while (due_ != nullptr) {
        timer* batch = std::exchange(due_, nullptr);
        batch->previous_ = &batch;
        if (batch->next_ != nullptr) {
            sort(batch);
        }
        while (batch != nullptr) {
            timer& first = *batch;
            first.cancel();
            first.fire_(first);
        }
        fired = true;
    }
    return fired;
}

bool timer_wheel::advance(time_point now) noexcept {
    const std::uint64_t target = ticks(now);
    bool fired = fire_due();
    event next{};
    while (next_event(next) && next.moment <= target) {
        now_ = next.moment;
        occupied_[next.level] &= ~(std::uint64_t{1} << next.slot);
        cascade(slots_[next.level][next.slot]);
        fired = fire_due() || fired;
    }
    now_ = std::max(now_, target);
    return fired;
}

} // namespace runnel::inline v0
