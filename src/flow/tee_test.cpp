// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/tee.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

task<std::string> next(flow& source) {
    const result<buffer> data = co_await source.read();
    co_return text_of(data);
}

task<std::string> put(flow& sink, std::string_view text) {
    const write_result written = co_await sink.write(buffer::copy_of(text));
    co_return outcome_of(written);
}

/// `peer` speaks to `main`, and `copy` gets what passes.
struct teed {
    explicit teed(tee_options options = {}, pipe_options third = {}) {
        auto pipe = make_pipe();
        auto side = make_pipe(third);
        peer = std::move(pipe.second);
        copy = std::move(side.second);
        main = make_tee(std::move(pipe.first), std::move(side.first), options);
    }
    flow_ptr peer;
    flow_ptr copy;
    flow_ptr main;
};

TEST(Tee, CopiesBothDirectionsInTheOrderInWhichTheyHappen) {
    run_virtual([]() -> task<void> {
        teed flows;
        (void)co_await put(*flows.main, "hello ");
        (void)co_await put(*flows.peer, "hi ");
        EXPECT_EQ(co_await next(*flows.main), "hi ");
        (void)co_await put(*flows.main, "bye");
        (void)co_await flows.peer->shutdown(direction::write);
        auto done = co_await when_all(flows.main->close(), read_to_end(*flows.copy),
                                      flows.copy->shutdown(direction::write));
        EXPECT_TRUE(std::get<0>(done));
        EXPECT_EQ(std::get<1>(done), "hello hi bye<end of stream>");
        EXPECT_EQ(co_await read_to_end(*flows.peer), "hello bye<end of stream>");
    });
}

TEST(Tee, CopiesOneDirectionIfSoAsked) {
    run_virtual([]() -> task<void> {
        teed reads({{}, true, false});
        (void)co_await put(*reads.main, "written");
        (void)co_await put(*reads.peer, "read");
        (void)co_await next(*reads.main);
        EXPECT_EQ(co_await next(*reads.copy), "read");
        teed writes({{}, false, true});
        (void)co_await put(*writes.peer, "read");
        (void)co_await next(*writes.main);
        (void)co_await put(*writes.main, "written");
        EXPECT_EQ(co_await next(*writes.copy), "written");
    });
}

TEST(Tee, SharesTheBytes) {
    run_virtual([]() -> task<void> {
        teed flows;
        (void)co_await put(*flows.peer, "the same bytes");
        const result<buffer> read = co_await flows.main->read();
        const result<buffer> copied = co_await flows.copy->read();
        EXPECT_EQ(read->data(), copied->data());
    });
}

TEST(Tee, CopiesOnlyWhatWasAcceptedOfAWriteThatFails) {
    run_virtual([]() -> task<void> {
        std::string target;
        std::string copied;
        const flow_ptr main = make_tee(make_sink(target, 5), make_sink(copied));
        EXPECT_EQ(co_await put(*main, "hello world"), "<closed by this side>");
        EXPECT_EQ(copied, "hello");
    });
}

TEST(Tee, WaitsForASlowCopy) {
    run_virtual([]() -> task<void> {
        tee_options options;
        options.backlog = 4;
        teed flows(options, {.capacity = 1});
        EXPECT_EQ(co_await put(*flows.main, "0123456789"), "ok");
        (void)co_await put(*flows.main, "abcd");
        const write_result held =
            co_await with_timeout(1s, flows.main->write(buffer::of_static("x")));
        EXPECT_EQ(held.error(), errc::timed_out);
        EXPECT_EQ(held.accepted(), 0U);
        auto done =
            co_await when_all(put(*flows.main, "efgh"), [](flow& copy) -> task<std::string> {
                std::string all;
                while (all.size() < 18) {
                    all += co_await next(copy);
                }
                co_return all;
            }(*flows.copy));
        EXPECT_EQ(std::get<0>(done), "ok");
        EXPECT_EQ(std::get<1>(done), "0123456789abcdefgh");
    });
}

TEST(Tee, LetsASlowCopyGoIfSoAsked) {
    run_virtual([]() -> task<void> {
        tee_options options;
        options.backlog = 4;
        options.when_slow = slow_copy::detach;
        teed flows(options, {.capacity = 1});
        for (int i = 0; i < 10; ++i) {
            EXPECT_EQ(co_await put(*flows.main, "abc"), "ok");
        }
        const std::string copied = co_await read_to_end(*flows.copy);
        EXPECT_EQ(copied, "a<connection reset by the peer>");
        EXPECT_EQ(co_await next(*flows.peer), "abc");
    });
}

TEST(Tee, GoesOnWithoutACopyThatFailed) {
    run_virtual([]() -> task<void> {
        teed flows;
        flows.copy->abort();
        EXPECT_EQ(co_await put(*flows.main, "a"), "ok");
        EXPECT_EQ(co_await put(*flows.main, "b"), "ok");
        (void)co_await flows.peer->shutdown(direction::write);
        const result<void> closed = co_await flows.main->close();
        EXPECT_TRUE(closed);
        EXPECT_EQ(co_await read_to_end(*flows.peer), "ab<end of stream>");
    });
}

TEST(Tee, FailsWithTheCopyIfSoAsked) {
    run_virtual([]() -> task<void> {
        tee_options options;
        options.when_failed = failed_copy::fail;
        teed flows(options);
        flows.copy->abort();
        EXPECT_EQ(co_await put(*flows.main, "a"), "ok");
        const write_result failed = co_await flows.main->write(buffer::of_static("b"));
        EXPECT_EQ(failed.error(), errc::reset);
        EXPECT_EQ(failed.error().text(), "the flow that gets copies");
        const result<buffer> unread = co_await flows.main->read();
        EXPECT_EQ(text_of(unread), "<connection reset by the peer>");
    });
}

TEST(Tee, DoesNotWaitForEverForACopyToClose) {
    run_virtual([]() -> task<void> {
        teed flows({}, {.capacity = 1});
        (void)co_await put(*flows.main, "abc");
        (void)co_await flows.peer->shutdown(direction::write);
        const result<void> closed = co_await flows.main->close();
        EXPECT_TRUE(closed);
        EXPECT_EQ(virtual_time(), 5s);
        EXPECT_EQ(co_await read_to_end(*flows.copy), "a<connection reset by the peer>");
    });
}

TEST(Tee, AbortsTheCopyWithTheMainFlow) {
    run_virtual([]() -> task<void> {
        teed flows({}, {.capacity = 1});
        (void)co_await put(*flows.main, "abc");
        flows.main.reset();
        EXPECT_EQ(co_await read_to_end(*flows.peer), "abc<connection reset by the peer>");
        EXPECT_EQ(co_await read_to_end(*flows.copy), "a<connection reset by the peer>");
    });
}

TEST(Tee, ShowsAFunctionWhatPasses) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        std::string seen;
        const flow_ptr main =
            make_tee(std::move(pipe.first), [&](direction which, const buffer& data) {
                seen += which == direction::read ? '<' : '>';
                seen += data.view();
            });
        (void)co_await put(*main, "ping");
        (void)co_await put(*pipe.second, "pong");
        (void)co_await next(*main);
        EXPECT_EQ(seen, ">ping<pong");
    });
}

TEST(Tee, AllocatesNothingPerOperation) {
    run_virtual([]() -> task<void> {
        teed flows;
        const buffer data = buffer::of_static("0123456789");
        std::uint64_t steady = 0;
        for (int i = 0; i < 200; ++i) {
            if (i == 100) {
                steady = allocation_count();
            }
            (void)co_await flows.main->write(data.share());
            (void)co_await flows.peer->write(data.share());
            (void)co_await flows.main->read();
            (void)co_await flows.peer->read();
            (void)co_await flows.copy->read();
            (void)co_await flows.copy->read();
        }
        steady = allocation_count() - steady;
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
