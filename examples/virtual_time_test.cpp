// SPDX-License-Identifier: Apache-2.0
//
// Testing code that waits without waiting: in virtual time an hour passes as soon as nothing else
// is left to do, and a program that hangs is told where instead of hanging its test.
#include <runnel/async/deadline.hpp>
#include <runnel/async/loop.hpp>
#include <runnel/async/sleep.hpp>
#include <runnel/async/when.hpp>
#include <runnel/flow/pipe.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace runnel;
using namespace std::chrono_literals;

/// The code under test: pings its peer every ten minutes, and gives it a minute to answer.
task<result<int>> keep_alive(flow& peer, int limit) {
    for (int answered = 0; answered < limit; ++answered) {
        const write_result written = co_await peer.write(buffer::of_static("ping"));
        if (!written) {
            co_return fail(written.error());
        }
        const result<buffer> answer = co_await with_timeout(1min, peer.read());
        if (!answer) {
            co_return fail(answer.error());
        }
        static_cast<void>(co_await sleep_for(10min));
    }
    co_return limit;
}

/// A peer that answers so many pings and then falls silent.
task<void> answer_some(flow& client, int count) {
    for (int i = 0; i < count; ++i) {
        const result<buffer> ping = co_await client.read();
        if (!ping) {
            co_return;
        }
        static_cast<void>(co_await client.write(buffer::of_static("pong")));
    }
}

class KeepAlive : public testing::Test {
protected:
    result<int> run(int limit, int answers) {
        const auto scenario = [&]() -> task<result<int>> {
            auto ends = make_pipe();
            const time_point start = loop::current().now();
            auto both = co_await when_all(keep_alive(*ends.first, limit),
                                          answer_some(*ends.second, answers));
            took_ = loop::current().now() - start;
            co_return std::get<0>(both);
        };
        loop_options options;
        options.backend = backend_kind::virtual_time;
        return (*loop::create(options))->run(scenario());
    }
    duration took_{};
};

TEST_F(KeepAlive, GoesOnForDays) {
    EXPECT_EQ(run(1000, 1000), 1000);
    EXPECT_EQ(took_, 10min * 1000);
}

TEST_F(KeepAlive, GivesASilentPeerUpAfterAMinute) {
    const result<int> done = run(1000, 3);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error(), errc::timed_out);
    EXPECT_EQ(took_, 10min * 3 + 1min);
}

} // namespace
