// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/concat.hpp"

#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

namespace runnel {
namespace {

TEST(Concat, ReadsOneAfterTheOther) {
    run_virtual([]() -> task<void> {
        std::vector<flow_ptr> parts;
        parts.push_back(make_source("one "));
        parts.push_back(make_source(""));
        parts.push_back(make_source("two "));
        parts.push_back(make_source("three"));
        const flow_ptr all = make_concat(std::move(parts));
        EXPECT_EQ(co_await read_to_end(*all), "one two three<end of stream>");
    });
}

TEST(Concat, EndsAtTheFirstPartThatFails) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        (void)co_await pipe.first->write(buffer::of_static("broken"));
        pipe.first->abort();
        const flow_ptr all = make_concat(std::move(pipe.second), make_source("unreachable"));
        EXPECT_EQ(co_await read_to_end(*all), "broken<connection reset by the peer>");
        EXPECT_EQ(co_await read_to_end(*all), "<connection reset by the peer>");
    });
}

TEST(Concat, PutsWhatWasReadBackInFrontOfAConnection) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr all = make_concat(make_source("already read, "), std::move(pipe.first));
        (void)co_await pipe.second->write(buffer::of_static("still to come"));
        (void)co_await pipe.second->shutdown(direction::write);
        (void)co_await all->write(buffer::of_static("answer"));
        (void)co_await all->shutdown(direction::write);
        EXPECT_EQ(co_await read_to_end(*all), "already read, still to come<end of stream>");
        EXPECT_EQ(co_await read_to_end(*pipe.second), "answer<end of stream>");
        EXPECT_EQ(all->local().scheme(), "pipe");
        const result<void> closed = co_await all->close();
        EXPECT_TRUE(closed);
    });
}

TEST(Concat, AbortsAllOfItsParts) {
    run_virtual([]() -> task<void> {
        auto first = make_pipe();
        auto second = make_pipe();
        make_concat(std::move(first.first), std::move(second.first)).reset();
        EXPECT_EQ(co_await read_to_end(*first.second), "<connection reset by the peer>");
        EXPECT_EQ(co_await read_to_end(*second.second), "<connection reset by the peer>");
    });
}

TEST(Concat, ClosesThePartsThatCanBeClosedThoughOneFails) {
    run_virtual([]() -> task<void> {
        auto first = make_pipe();
        auto second = make_pipe();
        first.second->abort();
        const flow_ptr all = make_concat(std::move(first.first), std::move(second.first));
        (void)co_await second.second->shutdown(direction::write);
        const result<void> closed = co_await all->close();
        EXPECT_EQ(outcome_of(closed), "<connection reset by the peer>");
        EXPECT_EQ(co_await read_to_end(*second.second), "<end of stream>");
    });
}

} // namespace
} // namespace runnel
