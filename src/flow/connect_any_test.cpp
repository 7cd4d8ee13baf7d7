// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/connect_any.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

using namespace std::chrono_literals;

namespace runnel {
namespace {

ip_address address(std::string_view text) {
    return ip_address::parse(text).value();
}

/// A resolver with answers that take their time.
class slow_names final : public resolver {
public:
    struct answer {
        duration after{0};
        result<std::vector<ip_address>> what = fail(errc::not_found, "no such name");
    };

    task<result<std::vector<ip_address>>> resolve(std::string, ip_family family) override {
        answer& given = family == ip_family::v6 ? v6 : v4;
        const result<void> waited = co_await sleep_for(given.after);
        if (!waited) {
            stopped += family == ip_family::v6 ? "v6 " : "v4 ";
            co_return fail(waited.error());
        }
        co_return given.what;
    }

    answer v6;
    answer v4;
    std::string stopped;
};

/// A network in which each address has a fate.
class fates final : public dialer {
public:
    struct fate {
        duration after = 240h;
        errc how = errc::timed_out; // errc{}: connects
    };

    task<result<flow_ptr>> dial(ip_endpoint to) override {
        log += to.to_string() + "@" +
               std::to_string(
                   std::chrono::duration_cast<std::chrono::milliseconds>(virtual_time()).count()) +
               " ";
        const fate& its = at[to.address().to_string()];
        const result<void> waited = co_await sleep_for(its.after);
        if (!waited) {
            ++stopped;
            co_return fail(waited.error());
        }
        if (its.how != errc{}) {
            co_return fail(its.how);
        }
        auto pipe = make_pipe();
        peers.emplace(to.address().to_string(), std::move(pipe.second));
        co_return std::move(pipe.first);
    }

    std::map<std::string, fate> at;
    std::map<std::string, flow_ptr> peers;
    std::string log;
    int stopped = 0;
};

/// What both tests of a race need.
struct scene {
    slow_names names;
    fates network;
    connect_any_options options;

    task<std::string> connect() {
        const result<flow_ptr> made =
            co_await connect_any(names, network, "example.org", 80, options);
        co_return outcome_of(made);
    }
};

const std::string refused = "<" + std::string(describe(errc::refused)) + ">";

TEST(ConnectAny, TakesTheFirstConnectionAndStopsTheOthers) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, std::vector{address("2001:db8::1")}};
        now.names.v4 = {0s, std::vector{address("192.0.2.1"), address("192.0.2.2")}};
        now.network.at["192.0.2.1"] = {100ms, errc{}};
        EXPECT_EQ(co_await now.connect(), "ok");
        EXPECT_EQ(now.network.log, "[2001:db8::1]:80@0 192.0.2.1:80@250 ");
        EXPECT_EQ(now.network.stopped, 1);
        EXPECT_EQ(virtual_time(), 350ms);
    });
}

TEST(ConnectAny, TurnsToTheNextAddressAtOnceWhenOneFails) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, std::vector{address("2001:db8::1")}};
        now.names.v4 = {0s, std::vector{address("192.0.2.1")}};
        now.network.at["2001:db8::1"] = {10ms, errc::refused};
        now.network.at["192.0.2.1"] = {0ms, errc{}};
        EXPECT_EQ(co_await now.connect(), "ok");
        EXPECT_EQ(virtual_time(), 10ms);
    });
}

TEST(ConnectAny, DoesNotWaitForAFamilyWhoseLookUpIsSlow) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {30s, std::vector{address("2001:db8::1")}};
        now.names.v4 = {20ms, std::vector{address("192.0.2.1")}};
        now.network.at["192.0.2.1"] = {5ms, errc{}};
        EXPECT_EQ(co_await now.connect(), "ok");
        EXPECT_EQ(virtual_time(), 75ms) << "the resolution delay of 50 ms, and the connection";
        EXPECT_EQ(now.names.stopped, "v6 ");
    });
}

TEST(ConnectAny, GivesTheReasonsOfAllWhenNothingConnects) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, fail(errc::timed_out, "the server is silent")};
        now.names.v4 = {0s, std::vector{address("192.0.2.1"), address("192.0.2.2")}};
        now.network.at["192.0.2.1"] = {1s, errc::unreachable};
        now.network.at["192.0.2.2"] = {1s, errc::refused};
        const result<flow_ptr> made =
            co_await connect_any(now.names, now.network, "example.org", 80);
        EXPECT_EQ(made.error(), errc::refused);
        const std::string text = made.error().message();
        EXPECT_THAT(text, testing::HasSubstr("192.0.2.1:80"));
        EXPECT_THAT(text, testing::HasSubstr("192.0.2.2:80"));
        EXPECT_THAT(text, testing::HasSubstr("the server is silent"));
        EXPECT_EQ(virtual_time(), 1s + 250ms);
    });
}

TEST(ConnectAny, SaysThatANameDoesNotExist) {
    run_virtual([]() -> task<void> {
        scene now;
        const result<flow_ptr> made =
            co_await connect_any(now.names, now.network, "example.org", 80);
        EXPECT_EQ(made.error(), errc::not_found);
        EXPECT_EQ(now.network.log, "");
    });
}

TEST(ConnectAny, LooksNothingUpForAnAddressInFigures) {
    run_virtual([]() -> task<void> {
        scene now;
        now.network.at["2001:db8::7"] = {0s, errc::refused};
        const result<flow_ptr> made =
            co_await connect_any(now.names, now.network, "2001:db8::7", 443);
        EXPECT_EQ(outcome_of(made), refused);
        EXPECT_EQ(now.network.log, "[2001:db8::7]:443@0 ");
    });
}

TEST(ConnectAny, KeepsToOneFamilyIfSoAsked) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, std::vector{address("2001:db8::1")}};
        now.names.v4 = {3s, std::vector{address("192.0.2.1")}};
        now.network.at["192.0.2.1"] = {0s, errc{}};
        now.options.v6 = false;
        EXPECT_EQ(co_await now.connect(), "ok");
        EXPECT_EQ(now.network.log, "192.0.2.1:80@3000 ");
    });
}

TEST(ConnectAny, GivesEverythingUpAtADeadline) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, std::vector{address("2001:db8::1"), address("2001:db8::2")}};
        now.names.v4 = {0s, std::vector{address("192.0.2.1")}};
        const result<flow_ptr> made =
            co_await with_timeout(600ms, connect_any(now.names, now.network, "example.org", 80));
        EXPECT_EQ(made.error(), errc::timed_out);
        EXPECT_EQ(now.network.stopped, 3);
        EXPECT_EQ(now.network.log, "[2001:db8::1]:80@0 192.0.2.1:80@250 [2001:db8::2]:80@500 ");
        EXPECT_EQ(virtual_time(), 600ms);
    });
}

TEST(ConnectAny, DropsASecondConnectionOfTheSameMoment) {
    run_virtual([]() -> task<void> {
        scene now;
        now.names.v6 = {0s, std::vector{address("2001:db8::1")}};
        now.names.v4 = {0s, std::vector{address("192.0.2.1")}};
        now.network.at["2001:db8::1"] = {300ms, errc{}};
        now.network.at["192.0.2.1"] = {50ms, errc{}};
        const result<flow_ptr> made =
            co_await connect_any(now.names, now.network, "example.org", 80);
        EXPECT_TRUE(made);
        EXPECT_EQ(now.network.peers.size(), 2U);
        int aborted = 0;
        for (auto& [name, peer] : now.network.peers) {
            const result<buffer> seen = co_await with_timeout(1s, peer->read());
            aborted += seen.error() == errc::reset ? 1 : 0;
        }
        EXPECT_EQ(aborted, 1);
    });
}

} // namespace
} // namespace runnel
