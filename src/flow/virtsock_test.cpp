// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/virtsock.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string shutdown_read = "\xEF\xBE\xAD\xDE"s;
const std::string shutdown_write = "\xAD\xDE\xEF\xBE"s;
const std::string close_word = "\xAD\xDE\xAD\xDE"s;

/// A virtsock flow, and the bare end of its transport, on which the test plays the peer.
struct played {
    played() {
        auto pipe = make_pipe({.capacity = std::size_t{64} * 1024});
        flow_ = make_virtsock(std::move(pipe.first));
        peer = std::move(pipe.second);
    }
    [[nodiscard]] flow& ours() const noexcept { return *flow_; }

    flow_ptr flow_;
    flow_ptr peer;
};

task<void> say(flow& to, std::string text) {
    EXPECT_TRUE(co_await to.write(buffer::copy_of(text)));
}

/// Exactly `size` bytes.
task<std::string> hear(flow& from, std::size_t size) {
    std::string all(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto got =
            co_await from.read_into(std::as_writable_bytes(std::span(all)).subspan(have));
        if (!got) {
            ADD_FAILURE() << got.error().message();
            break;
        }
        have += *got;
    }
    co_return all;
}

task<errc> end_of(flow& from) {
    const auto got = co_await from.read();
    co_return got ? errc::system_error : got.error().kind();
}

TEST(Virtsock, WritesALengthInFrontOfEachMessageAndWordsForItsEnds) {
    run_virtual([]() -> task<void> {
        const played stage;
        co_await say(stage.ours(), "hello");
        EXPECT_EQ(co_await hear(*stage.peer, 9), "\x05\0\0\0hello"s);
        EXPECT_TRUE(co_await stage.ours().shutdown(direction::read));
        EXPECT_EQ(co_await hear(*stage.peer, 4), shutdown_read);
        EXPECT_TRUE(co_await stage.ours().shutdown(direction::write));
        EXPECT_EQ(co_await hear(*stage.peer, 4), shutdown_write);
    });
}

TEST(Virtsock, CutsWritesIntoMessagesOfTheLargestSize) {
    run_virtual([]() -> task<void> {
        const played stage;
        co_await say(stage.ours(), std::string(4097, 'x'));
        EXPECT_EQ(co_await hear(*stage.peer, 4 + 4096 + 4 + 1),
                  "\0\x10\0\0"s + std::string(4096, 'x') + "\x01\0\0\0x"s);
    });
}

TEST(Virtsock, ReadsMessagesHoweverTheyAreCut) {
    run_virtual([]() -> task<void> {
        const std::string bytes = "\x03\0\0\0abc\0\0\0\0\x02\0\0\0de"s + shutdown_write;
        for (std::size_t size = 1; size <= bytes.size(); ++size) {
            const played stage;
            for (std::size_t at = 0; at < bytes.size(); at += size) {
                co_await say(*stage.peer, bytes.substr(at, size));
                co_await sleep_for(1ms);
            }
            EXPECT_EQ(co_await hear(stage.ours(), 5), "abcde");
            EXPECT_EQ(co_await end_of(stage.ours()), errc::end);
        }
    });
}

TEST(Virtsock, ClosesWhenThePeerHasSaidItsEndAndSaysSo) {
    run_virtual([]() -> task<void> {
        const played stage;
        auto closing = [&]() -> task<void> { EXPECT_TRUE(co_await stage.ours().close()); };
        auto playing = [&]() -> task<void> {
            EXPECT_EQ(co_await hear(*stage.peer, 4), shutdown_write);
            co_await say(*stage.peer, "\x01\0\0\0x"s + shutdown_write);
            EXPECT_EQ(co_await hear(*stage.peer, 4), close_word);
            EXPECT_TRUE(co_await stage.peer->shutdown(direction::write));
        };
        co_await when_all(closing(), playing());
        EXPECT_EQ(co_await hear(stage.ours(), 1), "x");
        EXPECT_EQ(co_await end_of(stage.ours()), errc::end);
    });
}

TEST(Virtsock, ClosesThoughThePeersTransportDoesNotEnd) {
    run_virtual([]() -> task<void> {
        const played stage;
        co_await say(*stage.peer, shutdown_write);
        EXPECT_TRUE(co_await stage.ours().close());
        EXPECT_LT(virtual_time(), 1min);
    });
}

// As ocaml-hvsock does it: no shutdown, just the word for both ends.
TEST(Virtsock, TakesAPeersCloseForItsEndAndWritesNoMore) {
    run_virtual([]() -> task<void> {
        const played stage;
        co_await say(*stage.peer, "\x01\0\0\0x"s + close_word);
        EXPECT_EQ(co_await hear(stage.ours(), 1), "x");
        EXPECT_EQ(co_await end_of(stage.ours()), errc::end);
        const auto written = co_await stage.ours().write(buffer::copy_of(std::string_view("y")));
        EXPECT_FALSE(written);
        EXPECT_EQ(written.error().kind(), errc::reset);
        EXPECT_TRUE(co_await stage.ours().close());
    });
}

TEST(Virtsock, DropsWhatAPeerThatReadsNoMoreWouldNotRead) {
    run_virtual([]() -> task<void> {
        const played stage;
        co_await say(*stage.peer, shutdown_read);
        co_await sleep_for(1ms);
        co_await say(stage.ours(), std::string(1'000'000, 'x'));
        EXPECT_TRUE(co_await stage.ours().shutdown(direction::write));
        EXPECT_EQ(co_await hear(*stage.peer, 4), shutdown_write);
    });
}

TEST(Virtsock, GivesTruncatedForATransportThatEndsWithoutAWord) {
    run_virtual([]() -> task<void> {
        for (const std::string& said : {""s, "\x05"s, "\x05\0\0\0ab"s, shutdown_read}) {
            const played stage;
            co_await say(*stage.peer, said);
            EXPECT_TRUE(co_await stage.peer->shutdown(direction::write));
            if (said.ends_with("ab")) {
                EXPECT_EQ(co_await hear(stage.ours(), 2), "ab");
            }
            EXPECT_EQ(co_await end_of(stage.ours()), errc::truncated);
        }
    });
}

TEST(Virtsock, RefusesLengthsAboveTheLimitAndDataBehindItsEnd) {
    run_virtual([]() -> task<void> {
        for (const std::string& said :
             {"\x01\x10\0\0"s, "\xFF\xFF\xFF\xFF"s, shutdown_write + "\x01\0\0\0x"s}) {
            const played stage;
            co_await say(*stage.peer, said);
            co_await sleep_for(1ms);
            const auto written = co_await stage.ours().write(buffer::copy_of("y"s));
            EXPECT_FALSE(written);
            EXPECT_EQ(written.error().kind(), errc::protocol_error);
            EXPECT_FALSE(co_await stage.peer->read());
        }
    });
}

// A flood that nobody reads stays with the sender.
TEST(Virtsock, HoldsAPeerUpWhileNobodyReads) {
    run_virtual([]() -> task<void> {
        const played stage;
        std::string flood;
        for (int i = 0; i < 100; ++i) {
            flood += "\0\x10\0\0"s + std::string(4096, 'x');
        }
        const auto held = co_await with_timeout(1s, stage.peer->write(buffer::copy_of(flood)));
        EXPECT_FALSE(held);
        EXPECT_LT(held.accepted(), std::size_t{256} * 1024);
    });
}

} // namespace
} // namespace runnel
