// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/rate_limit.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/flow/token_bucket.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

TEST(TokenBucket, IsFullAtFirstAndFillsAtItsRateUpToTheBurst) {
    token_bucket bucket(3, 10);
    const time_point start = time_point(5s);
    EXPECT_EQ(bucket.ready_at(start, 10), start);
    bucket.take(start, 10);
    EXPECT_EQ(bucket.ready_at(start, 1), start + 333'333'334ns);
    EXPECT_EQ(bucket.ready_at(start, 3), start + 1s);
    EXPECT_EQ(bucket.ready_at(start + 1s, 3), start + 1s);
    bucket.take(start + 1s, 3);
    EXPECT_EQ(bucket.ready_at(start + 1000s, 10), start + 1000s);
    bucket.take(start + 1000s, 10);
    EXPECT_EQ(bucket.ready_at(start + 1000s, 10), start + 1003'333'333'334ns);
}

TEST(TokenBucket, LosesNoFractionOverManySmallSteps) {
    token_bucket bucket(7, 2);
    time_point now{};
    for (int i = 0; i < 7'000'002; ++i) {
        now = bucket.ready_at(now, 1);
        bucket.take(now, 1);
    }
    EXPECT_EQ(now.time_since_epoch(), 1'000'000s);
}

TEST(TokenBucket, SurvivesTheLargestNumbers) {
    constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
    token_bucket fast(huge, huge);
    fast.take(time_point(1ns), huge);
    EXPECT_LE(fast.ready_at(time_point(2ns), huge), time_point(2s));
    token_bucket slow(1, huge);
    slow.take(time_point(1ns), huge);
    EXPECT_EQ(slow.ready_at(time_point(1ns), huge), never);
}

TEST(RateLimit, LetsReadsPassExactlyAtTheRateAfterTheBurst) {
    run_virtual([]() -> task<void> {
        const flow_ptr slow =
            make_rate_limit(make_source(pattern(5000)), {.read_rate = 1000, .read_burst = 1000});
        const std::string all = co_await read_to_end(*slow);
        EXPECT_TRUE(all == pattern(5000) + "<end of stream>");
        EXPECT_EQ(virtual_time(), 4s);
    });
}

TEST(RateLimit, LetsAWritePassExactlyAtTheRateAfterTheBurst) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr slow =
            make_rate_limit(make_sink(target), {.write_rate = 1000, .write_burst = 300});
        auto done = co_await when_all(slow->write(buffer::copy_of(pattern(1000))),
                                      [](const std::string& seen) -> task<std::size_t> {
                                          (void)co_await sleep_for(500ms);
                                          co_return seen.size();
                                      }(target));
        EXPECT_TRUE(std::get<0>(done));
        EXPECT_EQ(std::get<1>(done), 600U);
        EXPECT_EQ(virtual_time(), 700ms);
        EXPECT_TRUE(target == pattern(1000));
    });
}

TEST(RateLimit, LimitsTheDirectionsOnTheirOwn) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr slow = make_rate_limit(std::move(pipe.first), {.read_rate = 10});
        const write_result sent = co_await slow->write(buffer::copy_of(pattern(100'000)));
        EXPECT_TRUE(sent);
        EXPECT_EQ(virtual_time(), 0s);
        (void)co_await pipe.second->write(buffer::of_static("ab"));
        (void)co_await slow->read();
        (void)co_await slow->read();
        EXPECT_EQ(virtual_time(), 100ms);
    });
}

TEST(RateLimit, LosesNothingWhenAReadIsCancelledWhileItWaitsForItsTurn) {
    run_virtual([]() -> task<void> {
        const flow_ptr slow = make_rate_limit(make_source("abcdef"), {.read_rate = 1});
        std::string got;
        int cancelled = 0;
        while (got.size() < 6) {
            const result<buffer> data = co_await with_timeout(300ms, slow->read());
            if (data) {
                got += data->view();
            } else {
                EXPECT_EQ(data.error(), errc::timed_out);
                ++cancelled;
            }
        }
        EXPECT_EQ(got, "abcdef");
        EXPECT_EQ(cancelled, 15);
        EXPECT_EQ(virtual_time(), 5s);
    });
}

TEST(RateLimit, SaysHowMuchOfACancelledWriteWasAccepted) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr slow = make_rate_limit(make_sink(target), {.write_rate = 10});
        const write_result cut =
            co_await with_timeout(550ms, slow->write(buffer::of_static("0123456789")));
        EXPECT_EQ(cut.error(), errc::timed_out);
        EXPECT_EQ(cut.accepted(), 6U);
        EXPECT_EQ(target, "012345");
        const write_result rest = co_await slow->write(buffer::of_static("6789"));
        EXPECT_TRUE(rest);
        EXPECT_EQ(target, "0123456789");
        EXPECT_EQ(virtual_time(), 900ms);
    });
}

TEST(RateLimit, AllocatesNothingPerOperation) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr slow =
            make_rate_limit(std::move(pipe.first), {.read_rate = 1000, .write_rate = 1000});
        const buffer data = buffer::of_static("0123456789");
        std::uint64_t steady = 0;
        for (int i = 0; i < 200; ++i) {
            if (i == 100) {
                steady = allocation_count();
            }
            (void)co_await slow->write(data.share());
            (void)co_await pipe.second->write(data.share());
            (void)co_await slow->read();
            (void)co_await pipe.second->read();
        }
        steady = allocation_count() - steady;
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
