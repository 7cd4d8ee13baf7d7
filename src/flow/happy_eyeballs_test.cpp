// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/happy_eyeballs.hpp"

#include "runnel/core/random.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

/// Addresses are written as "v6.1" and "v4.1".
destination to(std::string_view name) {
    const auto number = static_cast<std::uint8_t>(name.back() - '0');
    const ip_address address = name.starts_with("v6")
                                   ? ip_address(ipv6_address(0x2001'0db8'0000'0000, number))
                                   : ip_address(ipv4_address(192, 0, 2, number));
    return {.endpoint = {address, 80}};
}

std::string name_of(const ip_endpoint& endpoint) {
    const ip_address& address = endpoint.address();
    return address.is_v6() ? fmt::format("v6.{}", address.v6().lower())
                           : fmt::format("v4.{}", address.v4().number() & 0xFFU);
}

/// Plays events at times of milliseconds, and notes what the engine does and when.
class HappyEyeballs : public testing::Test {
protected:
    explicit HappyEyeballs(happy_eyeballs_options options = {}) : engine(options) {}

    void v6(int ms, std::initializer_list<std::string_view> names) {
        found(ms, ip_family::v6, names);
    }
    void v4(int ms, std::initializer_list<std::string_view> names) {
        found(ms, ip_family::v4, names);
    }

    void no_v6(int ms, errc reason = errc::not_found) {
        run_until(ms);
        engine.not_resolved(ip_family::v6, reason, now);
        take();
    }
    void no_v4(int ms, errc reason = errc::not_found) {
        run_until(ms);
        engine.not_resolved(ip_family::v4, reason, now);
        take();
    }
    void connect(int ms, std::size_t attempt) {
        run_until(ms);
        engine.connected(attempt_id{attempt}, now);
        take();
    }
    void fail_attempt(int ms, std::size_t attempt, const error& reason = errc::refused) {
        run_until(ms);
        engine.attempt_failed(attempt_id{attempt}, reason, now);
        take();
    }

    /// Lets time pass, waking the engine when it wants to be woken.
    void run_until(int ms) {
        const time_point until(std::chrono::milliseconds{ms});
        take();
        while (engine.next_wakeup() <= until) {
            ASSERT_GE(engine.next_wakeup(), now);
            now = engine.next_wakeup();
            engine.advance(now);
            take();
        }
        now = until;
    }

    /// What happened since the last call.
    texts log() { return std::exchange(log_, {}); }

    happy_eyeballs engine;
    time_point now{};

private:
    void found(int ms, ip_family family, std::initializer_list<std::string_view> names) {
        run_until(ms);
        std::vector<destination> all;
        for (const std::string_view name : names) {
            all.push_back(to(name));
        }
        engine.resolved(family, all, now);
        take();
    }

    void take() {
        const auto ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
        while (const auto next = engine.next_action()) {
            std::string what;
            if (const auto* start = std::get_if<start_attempt>(&*next)) {
                what = "start " + name_of(start->to);
            } else if (const auto* cancelled = std::get_if<cancel_attempt>(&*next)) {
                what = fmt::format("cancel {}", static_cast<std::size_t>(cancelled->attempt));
            } else if (const auto* won = std::get_if<attempts_won>(&*next)) {
                what = fmt::format("won {}", name_of(won->to));
            } else {
                what = "lost: " + std::get<attempts_lost>(*next).reason.message();
            }
            log_.push_back(fmt::format("{} {}", ms.count(), what));
        }
    }

    texts log_;
};

TEST_F(HappyEyeballs, TriesIpv6AtOnceWhenItComesFirst) {
    v6(20, {"v6.1"});
    EXPECT_EQ(log(), texts{"20 start v6.1"});
    v4(30, {"v4.1"});
    connect(60, 0);
    EXPECT_EQ(log(), texts{"60 won v6.1"});
    EXPECT_EQ(engine.next_wakeup(), never);
}

TEST_F(HappyEyeballs, LetsIpv4WaitForIpv6) {
    v4(10, {"v4.1"});
    EXPECT_TRUE(log().empty());
    EXPECT_EQ(engine.next_wakeup(), time_point(60ms));
    v6(59, {"v6.1"});
    EXPECT_EQ(log(), texts{"59 start v6.1"});
    run_until(309);
    EXPECT_EQ(log(), texts{"309 start v4.1"});
}

TEST_F(HappyEyeballs, LetsIpv4WaitFor50msOnly) {
    v4(10, {"v4.1", "v4.2"});
    run_until(1000);
    EXPECT_EQ(log(), (texts{"60 start v4.1", "310 start v4.2"}));
}

TEST_F(HappyEyeballs, TriesIpv4AtOnceWhenThereIsNoIpv6) {
    v4(10, {"v4.1"});
    no_v6(25);
    EXPECT_EQ(log(), texts{"25 start v4.1"});
}

TEST_F(HappyEyeballs, TriesIpv4AtOnceWhenIpv6IsKnownToBeMissing) {
    no_v6(5);
    v4(10, {"v4.1"});
    EXPECT_EQ(log(), texts{"10 start v4.1"});
}

TEST_F(HappyEyeballs, WaitsForIpv6AsLongAsItTakesWhenThereIsNoIpv4) {
    no_v4(10);
    run_until(4000);
    EXPECT_TRUE(log().empty());
    v6(4000, {"v6.1"});
    EXPECT_EQ(log(), texts{"4000 start v6.1"});
}

TEST_F(HappyEyeballs, TakesAddressesOfOneFamilyOnly) {
    v6(0, {});
    v4(0, {"v4.1"});
    EXPECT_EQ(log(), texts{"0 start v4.1"});
    fail_attempt(7, 0);
    EXPECT_EQ(log(), texts{"7 lost: 192.0.2.1:80: connection refused"});
}

TEST_F(HappyEyeballs, TakesTurnsBetweenTheFamilies) {
    v4(0, {"v4.1", "v4.2"});
    v6(0, {"v6.1", "v6.2", "v6.3", "v6.4"});
    run_until(5000);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "250 start v4.1", "500 start v6.2", "750 start v4.2",
                            "1000 start v6.3", "1250 start v6.4"}));
    EXPECT_EQ(engine.next_wakeup(), never) << "nothing left to try, but attempts under way";
}

TEST_F(HappyEyeballs, CancelsAllOthersWhenOneConnects) {
    v6(0, {"v6.1", "v6.2"});
    v4(0, {"v4.1"});
    run_until(500);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "250 start v4.1", "500 start v6.2"}));
    connect(520, 1);
    EXPECT_EQ(log(), (texts{"520 cancel 0", "520 cancel 2", "520 won v4.1"}));
    connect(530, 0);
    fail_attempt(530, 2);
    run_until(5000);
    EXPECT_TRUE(log().empty()) << "it is over";
}

TEST_F(HappyEyeballs, GoesOnAtOnceWhenAnAttemptFails) {
    v6(0, {"v6.1", "v6.2"});
    v4(0, {"v4.1", "v4.2"});
    fail_attempt(3, 0);
    fail_attempt(4, 1);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "3 start v4.1", "4 start v6.2"}));
    // The delay counts from the last beginning.
    run_until(253);
    EXPECT_TRUE(log().empty());
    run_until(254);
    EXPECT_EQ(log(), texts{"254 start v4.2"});
}

TEST_F(HappyEyeballs, KeepsItsPaceWhileAnotherAttemptIsUnderWay) {
    v6(0, {"v6.1", "v6.2"});
    v4(0, {"v4.1", "v4.2"});
    run_until(250);
    fail_attempt(260, 1);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "250 start v4.1"}));
    run_until(500);
    EXPECT_EQ(log(), texts{"500 start v6.2"});
}

TEST_F(HappyEyeballs, LosesWhenEveryAttemptFails) {
    v6(0, {"v6.1"});
    v4(0, {"v4.1"});
    fail_attempt(1, 0, errc::unreachable);
    fail_attempt(2, 1, error(errc::refused, "connect"));
    EXPECT_EQ(log(),
              (texts{"0 start v6.1", "1 start v4.1",
                     "2 lost: [2001:db8::1]:80: destination unreachable; 192.0.2.1:80: connect: "
                     "connection refused"}));
}

TEST_F(HappyEyeballs, LosesForTheMostTellingReason) {
    v6(0, {"v6.1"});
    no_v4(0, errc::timed_out);
    fail_attempt(1, 0, errc::unreachable);
    EXPECT_EQ(log(),
              (texts{"0 start v6.1", "1 lost: [2001:db8::1]:80: destination unreachable; IPv4: "
                                     "timed out"}));
}

TEST_F(HappyEyeballs, LosesWhenNothingResolves) {
    no_v6(10);
    EXPECT_TRUE(log().empty());
    no_v4(20);
    EXPECT_EQ(log(), texts{"20 lost: IPv4: not found; IPv6: not found"});
}

TEST_F(HappyEyeballs, LosesWhenThereAreNoAddressesAtAll) {
    v6(0, {});
    v4(1, {});
    EXPECT_EQ(log(), texts{"1 lost: no addresses: not found"});
}

TEST_F(HappyEyeballs, WaitsForTheOtherFamilyWhenOneHasFailed) {
    v6(0, {"v6.1"});
    fail_attempt(5, 0);
    run_until(3000);
    EXPECT_EQ(log(), texts{"0 start v6.1"});
    v4(3000, {"v4.1"});
    EXPECT_EQ(log(), texts{"3000 start v4.1"});
}

TEST_F(HappyEyeballs, PutsLateIpv6WhereItHadBeen) {
    v4(0, {"v4.1", "v4.2", "v4.3"});
    run_until(50);
    EXPECT_EQ(log(), texts{"50 start v4.1"});
    v6(100, {"v6.1", "v6.2"});
    run_until(2000);
    EXPECT_EQ(log(),
              (texts{"300 start v6.1", "550 start v6.2", "800 start v4.2", "1050 start v4.3"}));
}

TEST_F(HappyEyeballs, PutsLateIpv4WhereItHadBeen) {
    v6(0, {"v6.1", "v6.2", "v6.3"});
    run_until(250);
    v4(260, {"v4.1", "v4.2"});
    run_until(2000);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "250 start v6.2", "500 start v4.1", "750 start v4.2",
                            "1000 start v6.3"}));
}

TEST_F(HappyEyeballs, TriesALateFamilyAtOnceWhenItsTimeHasComeAlready) {
    v6(0, {"v6.1"});
    v4(400, {"v4.1"});
    EXPECT_EQ(log(), (texts{"0 start v6.1", "400 start v4.1"}));
}

TEST_F(HappyEyeballs, TriesEachAddressOnce) {
    v6(0, {"v6.1", "v6.1"});
    v6(10, {"v6.1", "v6.2"});
    v4(10, {});
    run_until(2000);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "250 start v6.2"}));
}

TEST_F(HappyEyeballs, BoundsTheNumberOfAddresses) {
    std::vector<destination> many;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        many.push_back({.endpoint = {ipv6_address(0x2001'0db8'0000'0000, i), 80}});
    }
    engine.resolved(ip_family::v6, many, now);
    run_until(1'000'000);
    EXPECT_EQ(log().size(), happy_eyeballs::most_per_family);
}

TEST_F(HappyEyeballs, OrdersByDestinationAddressSelection) {
    destination odd = to("v6.1");
    odd.unreachable = true;
    const destination six[] = {odd, to("v6.2")};
    const destination four[] = {to("v4.1")};
    engine.resolved(ip_family::v4, four, now);
    engine.resolved(ip_family::v6, six, now);
    run_until(2000);
    EXPECT_EQ(log(), (texts{"0 start v6.2", "250 start v4.1", "500 start v6.1"}));
}

TEST_F(HappyEyeballs, PrefersIpv4WhereThatIsTheBetterAddress) {
    destination odd = to("v6.1");
    odd.unreachable = true;
    const destination six[] = {odd};
    const destination four[] = {to("v4.1"), to("v4.2")};
    engine.resolved(ip_family::v4, four, now);
    engine.resolved(ip_family::v6, six, now);
    run_until(2000);
    EXPECT_EQ(log(), (texts{"0 start v4.1", "250 start v6.1", "500 start v4.2"}));
}

TEST_F(HappyEyeballs, EndsWhenCancelled) {
    v6(0, {"v6.1"});
    v4(0, {"v4.1"});
    run_until(260);
    static_cast<void>(log());
    engine.cancel(error(errc::timed_out, "connect"));
    v6(260, {"v6.2"});
    connect(270, 0);
    engine.cancel();
    run_until(1000);
    EXPECT_EQ(log(), (texts{"260 cancel 0", "260 cancel 1", "260 lost: connect: timed out"}));
    EXPECT_EQ(engine.next_wakeup(), never);
}

TEST_F(HappyEyeballs, IgnoresReportsOfAttemptsThatAreNotUnderWay) {
    v6(0, {"v6.1", "v6.2"});
    v4(0, {});
    connect(1, 5);
    fail_attempt(1, 5);
    fail_attempt(2, 0);
    fail_attempt(3, 0);
    connect(4, 0);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "2 start v6.2"}));
}

class HappyEyeballsSlow : public HappyEyeballs {
protected:
    HappyEyeballsSlow()
        : HappyEyeballs({.resolution_delay = 0ns, .attempt_delay = 1ms, .first_family_count = 2}) {}
};

TEST_F(HappyEyeballsSlow, HasItsOptionsKept) {
    v4(0, {"v4.1"});
    EXPECT_EQ(log(), texts{"0 start v4.1"}) << "no resolution delay";
    v6(1, {"v6.1", "v6.2", "v6.3"});
    run_until(100);
    EXPECT_EQ(log(), (texts{"10 start v6.1", "20 start v6.2", "30 start v6.3"}))
        << "never less than 10 ms apart";
}

TEST_F(HappyEyeballsSlow, TriesTheFirstFamilyAsOftenAsWanted) {
    v6(0, {"v6.1", "v6.2", "v6.3"});
    v4(0, {"v4.1", "v4.2"});
    run_until(100);
    EXPECT_EQ(log(), (texts{"0 start v6.1", "10 start v6.2", "20 start v4.1", "30 start v6.3",
                            "40 start v4.2"}));
}

/// A random course of events, and the rules that hold whatever happens.
class course {
public:
    explicit course(std::uint64_t seed) : random_(seed) {}

    void run() {
        for (int steps = 0; !over_ && steps < 1000; ++steps) {
            now_ += std::chrono::milliseconds(random_.below(120));
            while (engine_.next_wakeup() <= now_ && !over_) {
                const time_point due = engine_.next_wakeup();
                engine_.advance(due);
                take(due);
            }
            step();
            take(now_);
        }
        EXPECT_TRUE(over_) << "it ends";
        EXPECT_TRUE(pending_.empty()) << "every attempt ends";
    }

private:
    void step() {
        const auto family = random_.below(2) == 0 ? ip_family::v4 : ip_family::v6;
        switch (random_.below(5)) {
        case 0: {
            std::vector<destination> some;
            for (std::uint64_t i = random_.below(4); i > 0; --i) {
                some.push_back(to((family == ip_family::v4 ? "v4." : "v6.") +
                                  std::to_string(random_.below(10))));
            }
            engine_.resolved(family, some, now_);
            break;
        }
        case 1:
            engine_.not_resolved(family, errc::not_found, now_);
            break;
        default: {
            if (pending_.empty()) {
                break;
            }
            const auto chosen = *std::next(
                pending_.begin(), static_cast<std::ptrdiff_t>(random_.below(pending_.size())));
            pending_.erase(chosen);
            if (random_.below(8) == 0) {
                winner_ = chosen;
                engine_.connected(chosen, now_);
            } else {
                engine_.attempt_failed(chosen, errc::refused, now_);
            }
        }
        }
    }

    void take(time_point now) {
        while (const auto next = engine_.next_action()) {
            EXPECT_FALSE(over_) << "the end is the last action";
            if (const auto* start = std::get_if<start_attempt>(&*next)) {
                EXPECT_TRUE(tried_.insert(start->to).second) << "each address once";
                EXPECT_TRUE(pending_.empty() || now - last_start_ >= 250ms);
                pending_.insert(start->attempt);
                last_start_ = now;
            } else if (const auto* cancelled = std::get_if<cancel_attempt>(&*next)) {
                EXPECT_EQ(pending_.erase(cancelled->attempt), 1U);
            } else if (const auto* won = std::get_if<attempts_won>(&*next)) {
                EXPECT_EQ(won->attempt, winner_);
                over_ = true;
            } else {
                over_ = true;
            }
        }
    }

    prng random_;
    happy_eyeballs engine_;
    time_point now_{};
    time_point last_start_{};
    std::set<attempt_id> pending_;
    std::set<ip_endpoint> tried_;
    attempt_id winner_{999};
    bool over_ = false;
};

TEST(HappyEyeballsCourses, AllEndOnceAndKeepThePace) {
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE(seed);
        course(seed).run();
        ASSERT_FALSE(testing::Test::HasFailure());
    }
}

} // namespace
} // namespace runnel
