// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/timer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

time_point at(std::int64_t moment) {
    return time_point(duration(moment));
}

struct recording_timer : timer {
    recording_timer(int id, std::vector<int>& fired_ids)
        : timer([](timer& self) noexcept {
              auto& fired = static_cast<recording_timer&>(self);
              fired.log.push_back(fired.number);
              if (fired.then != nullptr) {
                  fired.then(fired);
              }
          }),
          number(id), log(fired_ids) {}
    int number;
    std::vector<int>& log;
    void (*then)(recording_timer& self) = nullptr;
    timer_wheel* wheel = nullptr;
    timer* other = nullptr;
};

class TimerWheel : public testing::Test {
protected:
    recording_timer& make(int number) { return timers.emplace_back(number, fired); }

    std::vector<int> fired;
    timer_wheel wheel{at(0)};
    std::deque<recording_timer> timers;
};

TEST_F(TimerWheel, FiresInOrderOfDeadline) {
    wheel.arm(make(3), at(3'000'000'000));
    wheel.arm(make(1), at(1));
    wheel.arm(make(2), at(64));
    EXPECT_EQ(wheel.next_wakeup(), at(1));
    EXPECT_TRUE(wheel.advance(time_point(1h)));
    EXPECT_EQ(fired, (std::vector{1, 2, 3}));
    EXPECT_EQ(wheel.next_wakeup(), never);
}

TEST_F(TimerWheel, FiresNothingBeforeItsTime) {
    wheel.arm(make(1), at(1000));
    EXPECT_FALSE(wheel.advance(at(999)));
    EXPECT_TRUE(timers[0].armed());
    EXPECT_TRUE(wheel.advance(at(1000)));
    EXPECT_FALSE(timers[0].armed());
    EXPECT_FALSE(wheel.advance(at(5000)));
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(TimerWheel, FiresTimersOfOneDeadlineInTheOrderInWhichTheyWereArmed) {
    // Some stand at a high level of the wheel for long, others come to the low ones directly.
    const time_point deadline = at(10'000'000);
    for (int i = 0; i < 10; ++i) {
        wheel.arm(make(i), deadline);
        wheel.advance(at((i + 1) * 999'999L));
    }
    EXPECT_TRUE(fired.empty());
    wheel.advance(deadline);
    EXPECT_EQ(fired, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(TimerWheel, FiresAPastDeadlineInTheNextAdvance) {
    wheel.advance(at(500));
    wheel.arm(make(1), at(100));
    wheel.arm(make(2), time_point(-1s));
    EXPECT_LE(wheel.next_wakeup(), at(500));
    EXPECT_TRUE(wheel.advance(at(500)));
    EXPECT_EQ(fired, (std::vector{2, 1}));
}

TEST_F(TimerWheel, NeverFiresWhatWasCancelledOrMoved) {
    wheel.arm(make(1), at(100));
    wheel.arm(make(2), at(100));
    wheel.arm(timers[1], at(200));
    timers[0].cancel();
    EXPECT_FALSE(wheel.advance(at(150)));
    EXPECT_TRUE(wheel.advance(at(200)));
    EXPECT_EQ(fired, std::vector{2});
}

TEST_F(TimerWheel, TakesNeverForNoDeadline) {
    wheel.arm(make(1), at(100));
    wheel.arm(timers[0], never);
    EXPECT_FALSE(timers[0].armed());
    EXPECT_EQ(wheel.next_wakeup(), never);
    EXPECT_FALSE(wheel.advance(time_point(1h)));
}

TEST_F(TimerWheel, ReachesTheLastMomentBeforeNever) {
    wheel.arm(make(1), never - 1ns);
    EXPECT_LT(wheel.next_wakeup(), never);
    EXPECT_FALSE(wheel.advance(never - 2ns));
    EXPECT_TRUE(wheel.advance(never - 1ns));
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(TimerWheel, ForgetsATimerThatIsDestroyed) {
    {
        recording_timer local(1, fired);
        wheel.arm(local, at(100));
    }
    EXPECT_FALSE(wheel.advance(at(100)));
}

TEST_F(TimerWheel, LetsATimerArmItselfAgain) {
    make(1).wheel = &wheel;
    timers[0].then = [](recording_timer& self) {
        if (self.log.size() < 4) {
            self.wheel->arm(self, self.deadline() + 10ns);
        }
    };
    wheel.arm(timers[0], at(10));
    EXPECT_TRUE(wheel.advance(at(30)));
    EXPECT_EQ(fired.size(), 3U); // at 10, 20 and 30
    EXPECT_TRUE(wheel.advance(at(40)));
    EXPECT_FALSE(wheel.advance(at(1000)));
}

TEST_F(TimerWheel, LetsATimerCancelOthersOfItsDeadline) {
    make(1);
    make(2);
    make(3);
    timers[0].other = &timers[1];
    timers[0].then = [](recording_timer& self) { self.other->cancel(); };
    for (auto& each : timers) {
        wheel.arm(each, at(100));
    }
    wheel.advance(at(100));
    EXPECT_EQ(fired, (std::vector{1, 3}));
}

TEST_F(TimerWheel, FiresAHundredThousandTimersOfOneDeadlineInOrder) {
    constexpr int count = 100'000;
    for (int i = 0; i < count; ++i) {
        wheel.arm(make(i), time_point(1s));
    }
    EXPECT_EQ(wheel.next_wakeup() > at(0), true);
    wheel.advance(time_point(1s));
    ASSERT_EQ(fired.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::ranges::is_sorted(fired));
}

/// The same, written so that it is plainly right.
class naive_model {
public:
    void arm(int number, time_point deadline) {
        cancel(number);
        if (deadline != never) {
            armed_.push_back({deadline, ++sequence_, number});
        }
    }
    void cancel(int number) {
        std::erase_if(armed_, [&](const entry& each) { return each.number == number; });
    }
    [[nodiscard]] time_point next() const {
        return armed_.empty() ? never : std::ranges::min(armed_).deadline;
    }
    std::vector<int> advance(time_point now) {
        std::vector<int> fired;
        while (!armed_.empty() && std::ranges::min(armed_).deadline <= now) {
            fired.push_back(std::ranges::min(armed_).number);
            cancel(fired.back());
        }
        return fired;
    }

private:
    struct entry {
        time_point deadline;
        std::uint64_t sequence;
        int number;
        auto operator<=>(const entry&) const = default;
    };
    std::vector<entry> armed_;
    std::uint64_t sequence_ = 0;
};

class TimerWheelAgainstAModel : public testing::TestWithParam<std::uint32_t> {
protected:
    std::uint64_t draw(std::uint64_t below) { return generator() % below; }

    /// Spans of every magnitude, and often the same one.
    duration random_span() {
        const std::uint64_t bits = draw(44);
        const std::uint64_t span = draw(2) == 0 ? std::uint64_t{1} << bits : draw(1ULL << bits);
        return duration(static_cast<std::int64_t>(span));
    }

    std::mt19937_64 generator{GetParam()};
};

TEST_P(TimerWheelAgainstAModel, FiresTheSameInTheSameOrder) {
    constexpr int count = 40;
    time_point now(random_span());
    std::vector<int> fired;
    timer_wheel wheel(now);
    naive_model model;
    std::deque<recording_timer> timers;
    for (int i = 0; i < count; ++i) {
        timers.emplace_back(i, fired);
    }
    for (int step = 0; step < 4000; ++step) {
        auto& chosen = timers[draw(count)];
        switch (draw(4)) {
        case 0:
        case 1: {
            // Now and then in the past, which both treat as due.
            const time_point deadline = draw(16) == 0 ? now - 1ns : now + random_span();
            wheel.arm(chosen, deadline);
            model.arm(chosen.number, deadline);
            break;
        }
        case 2:
            chosen.cancel();
            model.cancel(chosen.number);
            break;
        default: {
            const time_point wakeup = wheel.next_wakeup();
            ASSERT_LE(wakeup, std::max(model.next(), now)) << "would sleep too long";
            now = draw(2) == 0 && wakeup != never ? std::max(now, wakeup) : now + random_span();
            fired.clear();
            const std::vector<int> expected = model.advance(now);
            ASSERT_EQ(wheel.advance(now), !expected.empty());
            ASSERT_EQ(fired, expected) << "in step " << step;
        }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelAgainstAModel, testing::Range(1U, 41U));

} // namespace
} // namespace runnel
