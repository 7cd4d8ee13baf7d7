// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace runnel::inline v0 {

/// A function called once when its moment comes. Lives in whatever needs it; the wheel only links
/// it. Destroying or cancelling an armed timer takes it off. No allocation.
class timer {
public:
    using function = void (*)(timer& self) noexcept;

    explicit timer(function fire) noexcept : fire_(fire) {}
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    ~timer() { cancel(); }

    [[nodiscard]] bool armed() const noexcept { return previous_ != nullptr; }
    /// When it fires; meaningless unless armed.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }

    void cancel() noexcept {
        if (previous_ != nullptr) {
            *previous_ = next_;
            if (next_ != nullptr) {
                next_->previous_ = previous_;
            }
            previous_ = nullptr;
        }
    }

private:
    friend class timer_wheel;
    timer* next_ = nullptr;
    timer** previous_ = nullptr;
    time_point deadline_{};
    std::uint64_t sequence_ = 0;
    function fire_;
};

/// A hierarchical timing wheel with a resolution of one nanosecond: arming and cancelling are O(1),
/// a timer moves at most once a level on its way to firing.
///
/// Eleven levels of 64 slots cover 64 bits. A timer stands at the level of the highest digit (base
/// 64) in which its deadline differs from now, in the slot of that digit. Timers of one deadline
/// fire in the order in which they were armed.
class timer_wheel {
public:
    explicit timer_wheel(time_point start) : now_(ticks(start)) { scratch_.reserve(64); }
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    ~timer_wheel();

    /// Arms `entry` for `deadline`, taking it off an earlier one. A past deadline fires at the next
    /// `advance`; `never` leaves it unarmed.
    void arm(timer& entry, time_point deadline) noexcept;

    /// A moment not later than the next deadline, and later than the moment of the last `advance`
    /// unless something is due; `never` when nothing is armed.
    [[nodiscard]] time_point next_wakeup() noexcept;

    /// Moves to `now` and fires all that is due, in order of deadline. A timer armed by one that
    /// fires fires in the same call only if it is due, too. True if any fired.
    bool advance(time_point now) noexcept;

private:
    static constexpr int digit_bits = 6;
    static constexpr std::size_t slots = 1U << digit_bits;
    static constexpr std::size_t levels = (64 + digit_bits - 1) / digit_bits;

    static std::uint64_t ticks(time_point moment) noexcept {
        return static_cast<std::uint64_t>(moment.time_since_epoch().count());
    }
    struct event {
        std::size_t level;
        std::size_t slot;
        std::uint64_t moment;
    };
    [[nodiscard]] bool next_event(event& next) noexcept;
    void link(timer*& head, timer& entry) noexcept;
    void place(timer& entry) noexcept;
    void cascade(timer*& head) noexcept;
    void sort(timer*& head);
    bool fire_due() noexcept;

    std::uint64_t now_;
    std::uint64_t armed_ = 0; // ever: gives timers of one deadline their order
    timer* due_ = nullptr;
    std::vector<timer*> scratch_; // for sorting; kept, so that steady use allocates nothing
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<timer*, slots>, levels> slots_{};
};

} // namespace runnel::inline v0
