// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/proxy.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace runnel {
namespace {

/// `client` speaks with `server` through the flows that a proxy joins.
struct joined {
    explicit joined(pipe_options front = {}, pipe_options back = {}) {
        auto left = make_pipe(front);
        auto right = make_pipe(back);
        client = std::move(left.first);
        a = std::move(left.second);
        b = std::move(right.first);
        server = std::move(right.second);
    }
    flow_ptr client;
    flow_ptr a;
    flow_ptr b;
    flow_ptr server;
};

task<void> send(flow& target, std::string_view text) {
    const write_result written = co_await target.write(buffer::copy_of(text));
    EXPECT_TRUE(written);
}

task<void> finish(flow& target) {
    const result<void> told = co_await target.shutdown(direction::write);
    EXPECT_TRUE(told);
}

TEST(Proxy, CarriesBothDirectionsAndClosesBothSides) {
    run_virtual([]() -> task<void> {
        joined pipes;
        const std::string up = pattern(700'000);
        const std::string down = pattern(900'001);
        auto speak = [](flow& side, const std::string& text) -> task<std::string> {
            auto both = co_await when_all(
                [](flow& out, const std::string& all) -> task<void> {
                    co_await send(out, all);
                    co_await finish(out);
                }(side, text),
                read_to_end(side));
            co_return std::get<1>(both);
        };
        auto done = co_await when_all(speak(*pipes.client, up), proxy(*pipes.a, *pipes.b),
                                      speak(*pipes.server, down));
        EXPECT_TRUE(std::get<0>(done) == down + "<end of stream>");
        EXPECT_TRUE(std::get<2>(done) == up + "<end of stream>");
        const proxy_result& ended = std::get<1>(done);
        EXPECT_EQ(ended.why, proxy_end::finished);
        EXPECT_EQ(ended.a_end(), errc::end);
        EXPECT_EQ(ended.b_end(), errc::end);
        EXPECT_EQ(ended.forward.statistics.bytes_written, up.size());
        EXPECT_EQ(ended.backward.statistics.bytes_written, down.size());
        const write_result late = co_await pipes.a->write(buffer::of_static("late"));
        EXPECT_EQ(late.error(), errc::closed);
    });
}

TEST(Proxy, CarriesTheEndOfOneSideAcrossWhileTheOtherGoesOnForHours) {
    run_virtual([]() -> task<void> {
        joined pipes;
        auto done = co_await when_all(
            [](flow& client) -> task<std::string> {
                co_await send(client, "question");
                co_await finish(client);
                co_return co_await read_to_end(client);
            }(*pipes.client),
            proxy(*pipes.a, *pipes.b),
            [](flow& server) -> task<std::string> {
                std::string asked = co_await read_to_end(server);
                (void)co_await sleep_for(3h);
                co_await send(server, "answer");
                (void)co_await sleep_for(2h);
                co_await send(server, " and more");
                co_await finish(server);
                co_return asked;
            }(*pipes.server));
        EXPECT_EQ(std::get<2>(done), "question<end of stream>");
        EXPECT_EQ(std::get<0>(done), "answer and more<end of stream>");
        EXPECT_EQ(std::get<1>(done).why, proxy_end::finished);
        EXPECT_EQ(std::get<1>(done).backward.statistics.elapsed(), 5h);
    });
}

TEST(Proxy, CarriesAResetOfOneSideToTheOtherThoughThatOneIsIdle) {
    run_virtual([]() -> task<void> {
        joined pipes;
        auto done = co_await when_all(
            [](flow& client) -> task<void> {
                co_await send(client, "half a");
                (void)co_await sleep_for(1s);
                client.abort();
            }(*pipes.client),
            proxy(*pipes.a, *pipes.b), read_to_end(*pipes.server));
        EXPECT_EQ(std::get<2>(done), "half a<connection reset by the peer>");
        const proxy_result& ended = std::get<1>(done);
        EXPECT_EQ(ended.why, proxy_end::failed);
        EXPECT_EQ(ended.a_end(), errc::reset);
        EXPECT_EQ(ended.b_end(), errc::aborted);
        EXPECT_EQ(ended.forward.source, errc::reset);
        EXPECT_EQ(ended.forward.statistics.bytes_written, 6U);
        EXPECT_EQ(ended.backward.statistics.bytes_written, 0U);
        EXPECT_EQ(virtual_time(), 1s);
    });
}

TEST(Proxy, CarriesAResetThatCameBeforeItBegan) {
    run_virtual([]() -> task<void> {
        joined pipes;
        pipes.client->abort();
        const proxy_result ended = co_await proxy(*pipes.a, *pipes.b);
        EXPECT_EQ(ended.why, proxy_end::failed);
        EXPECT_EQ(ended.a_end(), errc::reset);
        EXPECT_EQ(co_await read_to_end(*pipes.server), "<connection reset by the peer>");
    });
}

TEST(Proxy, DeliversWhatAPeerSentBeforeItStoppedListening) {
    run_virtual([]() -> task<void> {
        joined pipes({.capacity = 10}, {.capacity = 10});
        auto done = co_await when_all(
            [](flow& client) -> task<std::string> {
                const write_result cut = co_await client.write(buffer::copy_of(pattern(100'000)));
                EXPECT_EQ(cut.error(), errc::reset);
                co_return co_await read_to_end(client);
            }(*pipes.client),
            proxy(*pipes.a, *pipes.b),
            [](flow_ptr& server) -> task<void> {
                co_await send(*server, "go away");
                (void)co_await sleep_for(1s);
                server.reset();
            }(pipes.server));
        EXPECT_EQ(std::get<0>(done), "go away<connection reset by the peer>");
        EXPECT_EQ(std::get<1>(done).why, proxy_end::failed);
        EXPECT_EQ(std::get<1>(done).forward.sink, errc::reset);
        EXPECT_EQ(std::get<1>(done).b_end(), errc::reset);
    });
}

TEST(Proxy, DoesNotWaitForEverToDeliverWhatWasReadBeforeAFailure) {
    run_virtual([]() -> task<void> {
        joined pipes({.capacity = 1000}, {.capacity = 10});
        co_await send(*pipes.client, pattern(500));
        auto done = co_await when_all(proxy(*pipes.a, *pipes.b, {.linger = 4s}),
                                      [](flow& client) -> task<void> {
                                          (void)co_await sleep_for(1s);
                                          client.abort();
                                      }(*pipes.client));
        EXPECT_EQ(std::get<0>(done).why, proxy_end::failed);
        EXPECT_EQ(std::get<0>(done).forward.rest.bytes(), 490U);
        EXPECT_EQ(virtual_time(), 5s);
    });
}

TEST(Proxy, EndsBothSidesWhenNothingMovedForTheIdleTimeout) {
    run_virtual([]() -> task<void> {
        joined pipes;
        auto done = co_await when_all(
            [](flow& client) -> task<std::string> {
                (void)co_await sleep_for(50s);
                co_await send(client, "up");
                co_return co_await read_to_end(client);
            }(*pipes.client),
            proxy(*pipes.a, *pipes.b, {.idle_timeout = 60s}),
            [](flow& server) -> task<std::string> {
                (void)co_await sleep_for(100s);
                co_await send(server, "down");
                co_return co_await read_to_end(server);
            }(*pipes.server));
        const proxy_result& ended = std::get<1>(done);
        EXPECT_EQ(ended.why, proxy_end::timed_out);
        EXPECT_EQ(ended.forward.statistics.bytes_written, 2U);
        EXPECT_EQ(ended.backward.statistics.bytes_written, 4U);
        EXPECT_EQ(ended.forward.statistics.elapsed(), 160s);
        EXPECT_EQ(std::get<0>(done), "down<connection reset by the peer>");
        EXPECT_EQ(std::get<2>(done), "up<connection reset by the peer>");
    });
}

TEST(Proxy, DoesNotTakeAWriteThatStandsStillForActivity) {
    run_virtual([]() -> task<void> {
        joined pipes({.capacity = 1000}, {.capacity = 1});
        co_await send(*pipes.client, pattern(100));
        const proxy_result ended = co_await proxy(*pipes.a, *pipes.b, {.idle_timeout = 60s});
        EXPECT_EQ(ended.why, proxy_end::timed_out);
        EXPECT_LE(virtual_time(), 75s);
    });
}

TEST(Proxy, TakesASlowlyMovingWriteForActivity) {
    run_virtual([]() -> task<void> {
        joined pipes({.capacity = 1000}, {.capacity = 1});
        auto done = co_await when_all(
            [](flow& client) -> task<void> {
                co_await send(client, pattern(100));
                co_await finish(client);
                (void)co_await client.close();
            }(*pipes.client),
            proxy(*pipes.a, *pipes.b, {.idle_timeout = 60s}),
            [](flow& server) -> task<void> {
                for (int i = 0; i < 100; ++i) {
                    (void)co_await sleep_for(40s);
                    (void)co_await server.read(1);
                }
                (void)co_await server.close();
            }(*pipes.server));
        EXPECT_EQ(std::get<1>(done).why, proxy_end::finished);
        EXPECT_EQ(std::get<1>(done).forward.statistics.bytes_written, 100U);
    });
}

TEST(Proxy, AbortsBothSidesWhenItIsStopped) {
    run_virtual([]() -> task<void> {
        joined pipes;
        co_await send(*pipes.client, "abc");
        auto ended = co_await with_timeout(10s, proxy(*pipes.a, *pipes.b));
        EXPECT_EQ(ended.why, proxy_end::stopped);
        EXPECT_EQ(ended.forward.stopped, errc::timed_out);
        EXPECT_EQ(ended.forward.statistics.bytes_written, 3U);
        EXPECT_EQ(ended.a_end(), errc::aborted);
        const std::string left = co_await read_to_end(*pipes.server);
        EXPECT_EQ(left, "abc<connection reset by the peer>");
        const std::string right = co_await read_to_end(*pipes.client);
        EXPECT_EQ(right, "<connection reset by the peer>");
    });
}

TEST(Proxy, AllocatesNothingPerPiece) {
    run_virtual([]() -> task<void> {
        joined pipes({.capacity = 4096}, {.capacity = 4096});
        std::uint64_t steady = 0;
        auto echo = [](flow& server) -> task<void> {
            for (;;) {
                result<buffer> data = co_await server.read();
                if (!data) {
                    co_await finish(server);
                    co_return;
                }
                (void)co_await server.write(std::move(*data));
            }
        };
        auto ask = [](flow& client, std::uint64_t& allocated) -> task<void> {
            for (int i = 0; i < 2000; ++i) {
                if (i == 1000) {
                    allocated = allocation_count();
                }
                (void)co_await client.write(buffer::allocate(64));
                (void)co_await client.read();
            }
            allocated = allocation_count() - allocated;
            co_await finish(client);
        };
        auto done = co_await when_all(ask(*pipes.client, steady), proxy(*pipes.a, *pipes.b),
                                      echo(*pipes.server));
        EXPECT_EQ(steady, 0U);
        EXPECT_EQ(std::get<1>(done).why, proxy_end::finished);
    });
}

} // namespace
} // namespace runnel
