// SPDX-License-Identifier: Apache-2.0
// What flows of the stack do beside the contract, which the conformance suite tests.
#include "runnel/stack/tcp_flow.hpp"

#include "direct_way.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

const ip_endpoint server_place(*ip_address::parse("10.0.0.2"), 80);

/// Two stacks on a loop in virtual time.
struct hosts {
    explicit hosts(tcp_layer::options how = {})
        : a(*ip_address::parse("10.0.0.1"), 65'000, how), b(server_place.address(), 65'000, how) {
        a.join(b);
        b.join(a);
    }
    direct_way a;
    direct_way b;
};

template <class F>
void play(F body) {
    const auto here =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    here->run(body());
}

/// A flow of each side.
struct joined {
    tcp_flow_ptr client;
    flow_ptr server;
};

task<joined> join(hosts& both, listener& from, tcp_flow_options options = {}) {
    auto opened =
        co_await when_all(stack::connect(both.a.driver(), server_place, options), from.accept());
    joined pair;
    EXPECT_TRUE(std::get<0>(opened) && std::get<1>(opened));
    pair.client = std::move(std::get<0>(opened)).value();
    pair.server = std::move(std::get<1>(opened)).value();
    co_return pair;
}

errc kind_of(const auto& outcome) {
    return outcome ? errc{} : outcome.error().kind();
}

TEST(TcpFlow, KnowsItsAddressesAlsoAfterItsEnd) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        joined pair = co_await join(both, *listening);
        const flow_address local = pair.client->local();
        EXPECT_EQ(pair.server->remote(), local);
        EXPECT_EQ(pair.server->local().to_string(), "tcp://10.0.0.2:80");
        pair.client->abort();
        EXPECT_EQ(pair.client->local(), local);
        EXPECT_EQ(pair.client->remote().ip(), server_place);
    });
}

TEST(TcpFlow, ConnectSaysWhyItFailed) {
    play([]() -> task<void> {
        hosts both;
        const auto refused = co_await stack::connect(both.a.driver(), server_place);
        EXPECT_EQ(kind_of(refused), errc::refused);
        EXPECT_EQ(refused.error().text(), "connect tcp://10.0.0.2:80");
        EXPECT_EQ(kind_of(co_await stack::connect(both.a.driver(), server_place.with_port(0))),
                  errc::invalid_argument);
        both.a.cut = true;
        const time_point before = loop::current().now();
        EXPECT_EQ(kind_of(co_await stack::connect(both.a.driver(), server_place)), errc::timed_out);
        EXPECT_GE(loop::current().now() - before, 2min);
        EXPECT_EQ(both.a.driver().layer().connections(), 0U);
    });
}

TEST(TcpFlow, ConnectCanBeStoppedAtAnyTime) {
    play([]() -> task<void> {
        hosts both;
        both.b.cut = true;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        const auto late = co_await with_timeout(1s, stack::connect(both.a.driver(), server_place));
        EXPECT_EQ(kind_of(late), errc::timed_out);
        EXPECT_EQ(both.a.driver().layer().connections(), 0U) << "something is left";
    });
}

TEST(TcpFlow, ASilentPeerIsAskedAndGivenUp) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        tcp_flow_options options;
        options.keepalive = tcp_keepalive{60s, 10s, 3};
        joined pair = co_await join(both, *listening, options);
        co_await sleep_for(1h);
        EXPECT_EQ(pair.client->info().state, tcp_state::established) << "the peer answers";
        both.b.cut = true;
        const time_point before = loop::current().now();
        EXPECT_EQ(kind_of(co_await pair.client->read()), errc::timed_out);
        EXPECT_LE(loop::current().now() - before, 60s + 3 * 10s);
    });
}

TEST(TcpFlow, FlowsOutliveTheirListenerAndItsQueueIsReset) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        joined pair = co_await join(both, *listening);
        auto waiting = co_await stack::connect(both.a.driver(), server_place);
        co_await sleep_for(1ms);
        listening->close();
        EXPECT_EQ(kind_of(co_await listening->accept()), errc::closed);
        EXPECT_EQ(kind_of(co_await (*waiting)->read()), errc::reset);
        EXPECT_EQ(kind_of(co_await stack::connect(both.a.driver(), server_place)), errc::refused);
        EXPECT_TRUE(co_await pair.client->write(buffer::copy_of("still here")));
        EXPECT_EQ((co_await pair.server->read())->view(), "still here");
        EXPECT_EQ(listening->statistics().accepted, 1U);
        EXPECT_EQ(listening->statistics().open, 1U);
        listening.reset();
        EXPECT_TRUE(co_await pair.server->write(buffer::copy_of("and here")));
        EXPECT_EQ((co_await pair.client->read())->view(), "and here");
    });
}

TEST(TcpFlow, AListenerTakesNoMoreThanItMay) {
    play([]() -> task<void> {
        hosts both;
        tcp_listen_options options;
        options.max_connections = 1;
        listener_ptr listening = listen(both.b.driver(), server_place, options).value();
        joined pair = co_await join(both, *listening);
        const auto second =
            co_await with_timeout(10s, stack::connect(both.a.driver(), server_place));
        EXPECT_EQ(kind_of(second), errc::timed_out);
        pair.server.reset();
        EXPECT_TRUE(co_await with_timeout(20s, stack::connect(both.a.driver(), server_place)));
    });
}

TEST(TcpFlow, DisconnectTellsEveryFlowAndListener) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        joined pair = co_await join(both, *listening);
        auto reading = [](flow& from) -> task<errc> { co_return kind_of(co_await from.read()); };
        auto accepting = [](listener& from) -> task<errc> {
            co_return kind_of(co_await from.accept());
        };
        auto cutting = [](tcp_driver& driver) -> task<int> {
            co_await sleep_for(1s);
            driver.layer().disconnect(driver.now());
            co_return 0;
        };
        auto ends = co_await when_all(reading(*pair.server), reading(*pair.client),
                                      accepting(*listening), cutting(both.b.driver()));
        EXPECT_EQ(std::get<0>(ends), errc::aborted);
        EXPECT_EQ(std::get<1>(ends), errc::reset);
        EXPECT_EQ(std::get<2>(ends), errc::closed);
        EXPECT_FALSE(listen(both.b.driver(), server_place));
        EXPECT_EQ(both.b.driver().layer().connections(), 0U);
    });
}

TEST(TcpFlow, InfoTellsWhatTheConnectionDoes) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        joined pair = co_await join(both, *listening);
        EXPECT_TRUE(co_await pair.client->write_nodelay(buffer::allocate(100'000)));
        const tcp_info info = pair.client->info();
        EXPECT_EQ(info.state, tcp_state::established);
        EXPECT_EQ(info.congestion, "cubic");
        EXPECT_EQ(info.delivered, 100'000U);
        EXPECT_EQ(info.unacknowledged, 0U);
        EXPECT_EQ(info.limited_by, tcp_sender::bottleneck::application);
        EXPECT_EQ(info.segment_size, 1448U);
        pair.client->abort();
        EXPECT_EQ(pair.client->info().state, tcp_state::closed);
    });
}

TEST(TcpFlow, CorkHoldsBackUntilFlush) {
    play([]() -> task<void> {
        hosts both;
        listener_ptr listening = listen(both.b.driver(), server_place).value();
        tcp_flow_options options;
        options.cork = true;
        joined pair = co_await join(both, *listening, options);
        EXPECT_TRUE(co_await pair.client->write(buffer::copy_of("a")));
        EXPECT_EQ(kind_of(co_await with_timeout(1s, pair.server->read())), errc::timed_out);
        EXPECT_TRUE(co_await pair.client->flush());
        EXPECT_EQ((co_await pair.server->read())->view(), "a");
        EXPECT_TRUE(co_await pair.client->write(buffer::copy_of("b")));
        EXPECT_EQ(kind_of(co_await with_timeout(1s, pair.server->read())), errc::timed_out);
        EXPECT_TRUE(co_await pair.client->shutdown(direction::write));
        EXPECT_EQ((co_await pair.server->read())->view(), "b");
    });
}

} // namespace
