// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/record.hpp"

#include "allocation_count.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
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

/// Records a conversation with a peer that answers after a second, and takes two more to end.
task<std::string> record_conversation() {
    std::string file;
    auto pipe = make_pipe();
    const flow_ptr main = make_record(std::move(pipe.first), make_sink(file));
    (void)co_await when_all(
        [](flow& client) -> task<void> {
            EXPECT_EQ(co_await put(client, "question"), "ok");
            EXPECT_EQ(co_await next(client), "answer");
            EXPECT_EQ(co_await put(client, "thanks"), "ok");
            (void)co_await client.shutdown(direction::write);
            EXPECT_EQ(co_await next(client), "<end of stream>");
            const result<void> closed = co_await client.close();
            EXPECT_TRUE(closed);
        }(*main),
        [](flow& server) -> task<void> {
            EXPECT_EQ(co_await next(server), "question");
            (void)co_await sleep_for(1s);
            EXPECT_EQ(co_await put(server, "answer"), "ok");
            EXPECT_EQ(co_await read_to_end(server), "thanks<end of stream>");
            (void)co_await sleep_for(2s);
            (void)co_await server.close();
        }(*pipe.second));
    co_return file;
}

std::vector<recorded_event> events_of(std::string_view file) {
    return parse_recording(as_bytes(file)).value();
}

TEST(Record, WritesDownWhatHappenedAndWhen) {
    run_virtual([]() -> task<void> {
        (void)co_await sleep_for(1h);
        const std::string file = co_await record_conversation();
        const std::vector<recorded_event> events = events_of(file);
        EXPECT_EQ(events.size(), 5U);
        EXPECT_EQ(events[0].data.view(), "question");
        EXPECT_EQ(events[0].at, 0s);
        EXPECT_EQ(events[1].data.view(), "answer");
        EXPECT_EQ(events[1].at, 1s);
        EXPECT_EQ(events[2].data.view(), "thanks");
        EXPECT_EQ(events[3].what, recorded::shutdown);
        EXPECT_EQ(events[4].what, recorded::read_end);
        EXPECT_EQ(events[4].how, errc::end);
        EXPECT_EQ(events[4].at, 3s);
    });
}

TEST(Record, WritesDownHowAFlowFailed) {
    run_virtual([]() -> task<void> {
        std::string file;
        auto pipe = make_pipe({.capacity = 2});
        const flow_ptr main = make_record(std::move(pipe.first), make_sink(file));
        (void)co_await when_all(put(*main, "too long"), [](flow& peer) -> task<void> {
            (void)co_await sleep_for(1s);
            peer.abort();
        }(*pipe.second));
        EXPECT_EQ(co_await next(*main), "<connection reset by the peer>");
        const std::vector<recorded_event> events = events_of(file);
        EXPECT_EQ(events.size(), 3U);
        EXPECT_EQ(events[0].data.view(), "to");
        EXPECT_EQ(events[1].what, recorded::write_end);
        EXPECT_EQ(events[1].how, errc::reset);
        EXPECT_EQ(events[2].what, recorded::read_end);
    });
}

TEST(Record, DoesNotTakeACancelledOperationForAnEnd) {
    run_virtual([]() -> task<void> {
        std::string file;
        auto pipe = make_pipe();
        const flow_ptr main = make_record(std::move(pipe.first), make_sink(file));
        (void)co_await with_timeout(1s, main->read());
        EXPECT_TRUE(events_of(file).empty());
    });
}

TEST(Replay, GivesTheSameReadsAtTheSameTimes) {
    run_virtual([]() -> task<void> {
        const std::string file = co_await record_conversation();
        const time_point start = loop::current().now();
        const flow_ptr peer = make_replay(events_of(file));
        EXPECT_EQ(co_await put(*peer, "ques"), "ok");
        EXPECT_EQ(co_await put(*peer, "tion"), "ok");
        EXPECT_EQ(co_await next(*peer), "answer");
        EXPECT_EQ(loop::current().now() - start, 1s);
        EXPECT_EQ(co_await put(*peer, "thanks"), "ok");
        const result<void> told = co_await peer->shutdown(direction::write);
        EXPECT_TRUE(told);
        EXPECT_EQ(co_await next(*peer), "<end of stream>");
        EXPECT_EQ(loop::current().now() - start, 3s);
        const result<void> closed = co_await peer->close();
        EXPECT_TRUE(closed);
    });
}

TEST(Replay, IsAsFastAsPossibleIfSoAskedButAnswersNoQuestionBeforeItIsAsked) {
    run_virtual([]() -> task<void> {
        const std::string file = co_await record_conversation();
        const time_point start = loop::current().now();
        const flow_ptr peer = make_replay(events_of(file), {.pace = replay_pace::fast});
        auto done = co_await when_all(next(*peer), [](flow& asked) -> task<void> {
            (void)co_await sleep_for(100ms);
            EXPECT_EQ(co_await put(asked, "question"), "ok");
        }(*peer));
        EXPECT_EQ(std::get<0>(done), "answer");
        EXPECT_EQ(loop::current().now() - start, 100ms);
        const flow_ptr eager =
            make_replay(events_of(file), {.pace = replay_pace::fast, .wait_for_writes = false});
        EXPECT_EQ(co_await read_to_end(*eager), "answer<end of stream>");
        EXPECT_EQ(loop::current().now() - start, 100ms);
    });
}

TEST(Replay, SaysAtWhichByteAWriteIsDifferent) {
    run_virtual([]() -> task<void> {
        const std::string file = co_await record_conversation();
        const flow_ptr peer = make_replay(events_of(file));
        const write_result wrong = co_await peer->write(buffer::of_static("quest!on"));
        EXPECT_EQ(wrong.accepted(), 5U);
        EXPECT_EQ(wrong.error(), errc::protocol_error);
        EXPECT_EQ(wrong.error().text(),
                  "replay: byte 5 of the writes is 0x21, in the recording 0x69");
    });
}

TEST(Replay, SaysWhenTooMuchOrTooLittleIsWritten) {
    run_virtual([]() -> task<void> {
        const std::string file = co_await record_conversation();
        const flow_ptr chatty = make_replay(events_of(file));
        const write_result more = co_await chatty->write(buffer::of_static("questionthanks!"));
        EXPECT_EQ(more.accepted(), 14U);
        EXPECT_EQ(more.error().text(), "replay: byte 14 of the writes is not in the recording");
        const flow_ptr terse = make_replay(events_of(file));
        EXPECT_EQ(co_await put(*terse, "question"), "ok");
        const result<void> told = co_await terse->close();
        EXPECT_EQ(told.error().text(),
                  "replay: the writes end after 8 bytes, in the recording after 14");
    });
}

TEST(Replay, TakesAnyWritesIfSoAsked) {
    run_virtual([]() -> task<void> {
        const std::string file = co_await record_conversation();
        const flow_ptr peer = make_replay(events_of(file), {.verify = false});
        EXPECT_EQ(co_await put(*peer, "anything, but long"), "ok");
        EXPECT_EQ(co_await read_to_end(*peer), "answer<end of stream>");
        const result<void> closed = co_await peer->close();
        EXPECT_TRUE(closed);
    });
}

TEST(Replay, FailsWhereTheRecordedPeerFailed) {
    run_virtual([]() -> task<void> {
        std::vector<recorded_event> events;
        events.emplace_back(recorded::written, 0ns, buffer::copy_of("ab"));
        events.emplace_back(recorded::write_end, 1ns, errc::reset);
        events.emplace_back(recorded::read, 2ns, buffer::copy_of("x"));
        const flow_ptr peer = make_replay(std::move(events));
        const write_result cut = co_await peer->write(buffer::of_static("abc"));
        EXPECT_EQ(cut.accepted(), 2U);
        EXPECT_EQ(cut.error(), errc::reset);
        EXPECT_EQ(co_await read_to_end(*peer), "x<" + std::string(describe(errc::truncated)) + ">");
    });
}

TEST(Replay, LosesNothingWhenAReadIsCancelled) {
    run_virtual([]() -> task<void> {
        std::vector<recorded_event> events;
        events.emplace_back(recorded::read, 10s, buffer::copy_of("late"));
        const flow_ptr peer = make_replay(std::move(events));
        const result<buffer> early = co_await with_timeout(9s, peer->read());
        EXPECT_EQ(early.error(), errc::timed_out);
        EXPECT_EQ(co_await next(*peer), "late");
        EXPECT_EQ(virtual_time(), 10s);
    });
}

TEST(Record, AllocatesNothingPerOperation) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        const flow_ptr main =
            make_record(std::move(pipe.first),
                        make_sink([](std::span<const std::byte> data) { return data.size(); }));
        const buffer data = buffer::of_static("0123456789");
        std::uint64_t steady = 0;
        for (int i = 0; i < 200; ++i) {
            if (i == 100) {
                steady = allocation_count();
            }
            (void)co_await main->write(data.share());
            (void)co_await pipe.second->write(data.share());
            (void)co_await main->read();
            (void)co_await pipe.second->read();
        }
        steady = allocation_count() - steady;
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
