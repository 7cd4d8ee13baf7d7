// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/mux.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/flow/pipe_transport.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr std::size_t window = std::size_t{64} * 1024;
constexpr mux_options small{.window = window, .max_channels = 4, .backlog = 3};

/// Two multiplexers at the ends of a pipe.
struct linked {
    explicit linked(const mux_options& options = small)
        : pipe(make_pipe({.capacity = 4096})),
          near(std::move(pipe.first), mux_side::connecting, options),
          far(std::move(pipe.second), mux_side::listening, options) {}

    std::pair<flow_ptr, flow_ptr> pipe;
    mux near;
    mux far;
};

struct channel_ends {
    flow_ptr near;
    flow_ptr far;
};

task<channel_ends> open(linked& over) {
    auto both = co_await when_all(over.near.connect(), over.far.accept());
    channel_ends made;
    EXPECT_TRUE(std::get<0>(both)) << std::get<0>(both).error().message();
    EXPECT_TRUE(std::get<1>(both)) << std::get<1>(both).error().message();
    if (std::get<0>(both) && std::get<1>(both)) {
        made.near = std::move(*std::get<0>(both));
        made.far = std::move(*std::get<1>(both));
    }
    co_return made;
}

task<void> send_text(flow& to, std::string text) {
    EXPECT_TRUE(co_await to.write(buffer::copy_of(text)));
    EXPECT_TRUE(co_await to.shutdown(direction::write));
}

TEST(Mux, CarriesManyFlowsOverOneEachComplete) {
    run_virtual([]() -> task<void> {
        linked over({.window = 8192});
        std::vector<channel_ends> all;
        for (int i = 0; i < 20; ++i) {
            all.push_back(co_await open(over));
        }
        EXPECT_EQ(over.near.channels(), 20U);
        const std::string text = pattern(100'000);
        const auto body = [&](scope& tasks) -> task<void> {
            for (const channel_ends& each : all) {
                tasks.spawn(send_text(*each.near, text));
                tasks.spawn([](flow& from, const std::string& expected) -> task<void> {
                    const std::string got = co_await read_to_end(from);
                    EXPECT_TRUE(got.starts_with(expected)) << got.size();
                }(*each.far, text));
            }
            co_await tasks.join();
        };
        EXPECT_TRUE(co_await with_scope(body));
    });
}

TEST(Mux, LetsBothSidesOpenChannels) {
    run_virtual([]() -> task<void> {
        linked over;
        auto both = co_await when_all(over.far.connect(), over.near.accept());
        const flow_ptr from = std::move(*std::get<0>(both));
        const flow_ptr to = std::move(*std::get<1>(both));
        EXPECT_TRUE(co_await from->write(buffer::copy_of("hello"s)));
        EXPECT_EQ(text_of(co_await to->read()), "hello");
        EXPECT_EQ(from->local().to_string(), "mux:pipe:#2");
    });
}

// What nobody reads fills the window of its own channel, and no more.
TEST(Mux, HoldsUpNoChannelForAnotherThatIsNotRead) {
    run_virtual([]() -> task<void> {
        linked over;
        const channel_ends stuck = co_await open(over);
        const channel_ends other = co_await open(over);
        const auto held =
            co_await with_timeout(1s, stuck.near->write(buffer::copy_of(pattern(10 * window))));
        EXPECT_FALSE(held);
        EXPECT_EQ(held.accepted(), window);
        EXPECT_TRUE(co_await other.near->write(buffer::copy_of("through"s)));
        EXPECT_EQ(text_of(co_await other.far->read()), "through");
    });
}

TEST(Mux, GivesThoseWhoWriteEqualShares) {
    run_virtual([]() -> task<void> {
        linked over;
        const channel_ends one = co_await open(over);
        const channel_ends two = co_await open(over);
        std::vector<std::size_t> got(2);
        const auto count = [](flow& from, std::size_t& bytes) -> task<void> {
            for (;;) {
                const auto data = co_await from.read();
                if (!data) {
                    break;
                }
                bytes += data->size();
            }
        };
        const auto flood = [](flow& to, std::size_t piece) -> task<void> {
            const buffer data = buffer::allocate(piece);
            for (std::size_t sent = 0; sent < (std::size_t{8} << 20U); sent += piece) {
                (void)co_await to.write(data.share());
            }
        };
        const auto body = [&](scope& tasks) -> task<void> {
            tasks.spawn(count(*one.far, got[0]));
            tasks.spawn(count(*two.far, got[1]));
            tasks.spawn(flood(*two.near, std::size_t{1} << 20));
            co_await flood(*one.near, std::size_t{64} * 1024);
            tasks.request_stop();
        };
        (void)co_await with_scope(body);
        EXPECT_NEAR(static_cast<double>(got[0]), static_cast<double>(got[1]),
                    0.05 * static_cast<double>(got[0]));
    });
}

TEST(Mux, RefusesWhatIsTooMuchAndGoesOn) {
    run_virtual([]() -> task<void> {
        linked over({.window = window, .max_channels = 100, .backlog = 2});
        const auto first = co_await over.near.connect();
        const auto second = co_await over.near.connect();
        EXPECT_TRUE(first && second);
        const auto third = co_await over.near.connect();
        EXPECT_EQ(outcome_of(third), "<" + std::string(describe(errc::refused)) + ">");
        const auto accepted = co_await over.far.accept();
        EXPECT_TRUE(accepted);
        EXPECT_TRUE(co_await over.near.connect());
    });
}

TEST(Mux, LimitsTheChannelsItOpens) {
    run_virtual([]() -> task<void> {
        linked over({.window = window, .max_channels = 1});
        const auto first = co_await over.near.connect();
        EXPECT_TRUE(first);
        const auto second = co_await over.near.connect();
        EXPECT_FALSE(second);
        EXPECT_EQ(second.error().kind(), errc::limit_exceeded);
    });
}

TEST(Mux, EndsTheLinkInOrderAfterTheLastChannel) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        channel_ends ends;
        mux far(std::move(pipe.second), mux_side::listening);
        {
            mux near(std::move(pipe.first), mux_side::connecting);
            auto both = co_await when_all(near.connect(), far.accept());
            ends.near = std::move(*std::get<0>(both));
            ends.far = std::move(*std::get<1>(both));
        }
        EXPECT_TRUE(co_await ends.near->write(buffer::copy_of("late"s)));
        auto closed = co_await when_all(ends.near->close(), ends.far->close());
        EXPECT_TRUE(std::get<0>(closed) && std::get<1>(closed));
        EXPECT_EQ(text_of(co_await ends.far->read()), "late");
        const auto next = co_await far.accept();
        EXPECT_EQ(outcome_of(next), "<" + std::string(describe(errc::end)) + ">");
        EXPECT_FALSE(far.usable());
    });
}

TEST(Mux, EndsEveryChannelWhenTheLinkBreaks) {
    run_virtual([]() -> task<void> {
        auto pipe = make_pipe();
        auto middle = make_pipe();
        auto near = std::make_unique<mux>(std::move(pipe.first), mux_side::connecting);
        mux far(std::move(middle.second), mux_side::listening);
        const auto carry = [](flow& from, flow& to) -> task<void> {
            for (;;) {
                auto data = co_await from.read();
                if (!data) {
                    break;
                }
                (void)co_await to.write(std::move(*data));
            }
        };
        const auto body = [&](scope& tasks) -> task<void> {
            tasks.spawn(carry(*pipe.second, *middle.first));
            tasks.spawn(carry(*middle.first, *pipe.second));
            auto both = co_await when_all(near->connect(), far.accept());
            const flow_ptr one = std::move(*std::get<0>(both));
            const flow_ptr other = std::move(*std::get<1>(both));
            EXPECT_TRUE(co_await one->write(buffer::copy_of("before"s)));
            EXPECT_EQ(text_of(co_await other->read()), "before");
            pipe.second->abort();
            middle.first->abort();
            for (flow* each : {one.get(), other.get()}) {
                const auto got = co_await each->read();
                EXPECT_EQ(outcome_of(got), "<" + std::string(describe(errc::reset)) + ">");
                const auto sent = co_await each->write(buffer::copy_of("x"s));
                EXPECT_EQ(sent.error().kind(), errc::reset);
                EXPECT_FALSE(co_await each->close());
            }
            EXPECT_FALSE(near->usable());
            EXPECT_FALSE(co_await near->connect());
            EXPECT_FALSE(co_await far.accept());
        };
        (void)co_await with_scope(body);
    });
}

/// What a peer that says `bytes` after its greeting makes of a channel that is open.
task<void> expect_breakdown(std::string bytes) {
    auto pipe = make_pipe();
    const flow_ptr peer = std::move(pipe.second);
    mux link(std::move(pipe.first), mux_side::listening, small);
    const std::string greeting = "\0\0\0\0mux\x01\0\x01\0\0"s;
    EXPECT_TRUE(co_await peer->write(buffer::copy_of(greeting + "\x01\0\0\0\0\0\0\x01\0\0\0\0"s)));
    const auto channel = co_await link.accept();
    EXPECT_TRUE(channel);
    EXPECT_TRUE(co_await peer->write(buffer::copy_of(bytes)));
    const auto next = co_await link.accept();
    EXPECT_FALSE(next);
    EXPECT_EQ(next.error().kind(), errc::protocol_error) << next.error().message();
    const std::string got = co_await read_to_end(**channel);
    const errc end = bytes.starts_with('\x05') ? errc::end : errc::reset;
    EXPECT_TRUE(got.ends_with("<" + std::string(describe(end)) + ">")) << got.size();
}

TEST(Mux, BreaksTheLinkWhenThePeerBreaksTheRules) {
    const std::vector<std::string> broken{
        "\x00\0\0\0mux\x01\0\x01\0\0"s,                              // a second greeting
        "\x08\0\0\0\0\0\0\x01\0\0\0\0"s,                             // no such message
        "\x01\0\0\x01\0\0\0\x03\0\0\0\0"s,                           // a bit that means nothing
        "\x01\0\0\0\0\0\0\x02\0\0\0\0"s,                             // a channel of our kind
        "\x01\0\0\0\0\0\0\x01\0\0\0\0"s,                             // one that is open
        "\x03\0\0\0\0\0\0\x05\0\0\0\x01x"s,                          // data of one that never was
        "\x03\0\0\0\0\0\0\x01\0\0\x40\x01"s,                         // a message that is too long
        "\x03\0\0\0\0\0\0\x01\0\0\0\0"s,                             // an empty one
        "\x04\0\0\0\0\0\0\x01\x40\0\0\0"s,                           // more room than there may be
        "\x02\0\0\0\0\0\0\x01\0\0\0\0"s,                             // an answer to no question
        "\x05\0\0\0\0\0\0\x01\0\0\0\0\x05\0\0\0\0\0\0\x01\0\0\0\0"s, // two ends
    };
    for (const std::string& bytes : broken) {
        SCOPED_TRACE(testing::PrintToString(bytes));
        run_virtual([&]() -> task<void> { co_await expect_breakdown(bytes); });
    }
    std::string flood;
    for (std::size_t sent = 0; sent <= window; sent += 16384) {
        flood += "\x03\0\0\0\0\0\0\x01\0\0\x40\0"s + std::string(16384, 'x');
    }
    run_virtual([&]() -> task<void> { co_await expect_breakdown(flood); });
}

TEST(Mux, SharesOneLinkBetweenTheFlowsOfAnEndpoint) {
    run_virtual([]() -> task<void> {
        transport_registry registry;
        register_pipe_transport(registry);
        register_mux_layer(registry);
        const endpoint place = *endpoint::parse("mux+pipe:?mux-window=32KiB");
        auto at = co_await registry.listen(place);
        EXPECT_TRUE(at);
        auto first = co_await when_all(registry.connect(place), (*at)->accept());
        auto second = co_await when_all(registry.connect(place), (*at)->accept());
        EXPECT_TRUE(std::get<0>(first) && std::get<1>(first));
        EXPECT_TRUE(std::get<0>(second) && std::get<1>(second));
        EXPECT_EQ(std::get<0>(second)->get()->local().to_string(), "mux:pipe:#3");
        EXPECT_EQ((*at)->statistics().open, 2U);
        auto third = co_await with_timeout(1s, (*at)->accept());
        EXPECT_EQ(third.error().kind(), errc::timed_out);
        std::get<0>(first)->reset();
        std::get<0>(second)->reset();
        co_await sleep_for(1s);
        EXPECT_EQ((*at)->statistics().open, 0U);
        auto anew = co_await when_all(registry.connect(place), (*at)->accept());
        EXPECT_EQ(std::get<0>(anew)->get()->local().to_string(), "mux:pipe:#1");
        (*at)->close();
        EXPECT_EQ((co_await (*at)->accept()).error().kind(), errc::closed);
        const auto refused = co_await registry.connect(place);
        EXPECT_FALSE(refused);
    });
}

TEST(Mux, ChecksParametersBeforeAnythingIsOpened) {
    transport_registry registry;
    register_pipe_transport(registry);
    register_mux_layer(registry);
    EXPECT_TRUE(registry.check(*endpoint::parse("mux+pipe:?mux-channels=5")));
    EXPECT_FALSE(registry.check(*endpoint::parse("mux+pipe:?mux-window=1")));
    EXPECT_FALSE(registry.check(*endpoint::parse("mux+pipe:?mux-channels=0")));
}

} // namespace
} // namespace runnel
