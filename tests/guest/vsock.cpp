// SPDX-License-Identifier: Apache-2.0
//
// What is particular to vsock, over its loopback in the kernel.
#include "runnel/host/vsock.hpp"

#include "here.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace runnel::guest {
namespace {

using namespace std::chrono_literals;
using host::vsock_address;
using host::vsock_flow;
using host::vsock_options;

constexpr vsock_address anywhere(vsock_address::any, vsock_address::any_port);

class Vsock : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override {
        ASSERT_TRUE(is_test_guest()) << "vsock is tested in a guest only";
        auto made = loop::create({.backend = GetParam()});
        if (!made) {
            GTEST_SKIP() << made.error().message();
        }
        loop_ = std::move(*made);
    }

    template <class F>
    void run(F body) {
        loop_->run(body());
    }

    static vsock_address place_of(const listener& at) {
        const auto read = endpoint::parse(at.local().to_string());
        return {vsock_address::local, read->port().value()};
    }

    std::unique_ptr<loop> loop_;
};

INSTANTIATE_TEST_SUITE_P(Kernel, Vsock,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& one) { return std::string(to_string(one.param)); });

struct joined {
    flow_ptr client;
    flow_ptr server;
};

task<joined> join(listener& at, vsock_address to, vsock_options options = {}) {
    auto both = co_await when_all(host::connect(to, options), at.accept());
    EXPECT_TRUE(std::get<0>(both)) << std::get<0>(both).error().message();
    EXPECT_TRUE(std::get<1>(both)) << std::get<1>(both).error().message();
    joined made;
    if (std::get<0>(both) && std::get<1>(both)) {
        made.client = std::move(*std::get<0>(both));
        made.server = std::move(*std::get<1>(both));
    }
    co_return made;
}

TEST_P(Vsock, SaysWhichMachinesAndPortsTheEndsAre) {
    run([]() -> task<void> {
        auto at = host::listen(anywhere);
        EXPECT_TRUE(at) << at.error().message();
        const vsock_address place = place_of(**at);
        const joined pair = co_await join(**at, place);
        const auto& client = dynamic_cast<vsock_flow&>(*pair.client);
        const auto& server = dynamic_cast<vsock_flow&>(*pair.server);
        EXPECT_EQ(client.peer(), place);
        EXPECT_EQ(server.own(), place);
        EXPECT_EQ(server.peer().cid(), vsock_address::local);
        EXPECT_EQ(server.peer().port(), client.own().port());
        EXPECT_EQ(pair.client->remote().to_string(), place.to_flow_address().to_string());
    });
}

TEST_P(Vsock, TellsHowAConnectionFails) {
    run([]() -> task<void> {
        const auto nobody = co_await host::connect(vsock_address(vsock_address::local, 60000));
        EXPECT_FALSE(nobody);
        EXPECT_EQ(nobody.error().kind(), errc::refused) << nobody.error().message();
        EXPECT_NE(nobody.error().message().find("connect vsock://1:60000"), std::string::npos);
        const auto nowhere = co_await host::connect(vsock_address(77, 1));
        EXPECT_FALSE(nowhere);
        EXPECT_EQ(nowhere.error().kind(), errc::unreachable) << nowhere.error().message();
    });
}

TEST_P(Vsock, TellsHowListeningFails) {
    run([]() -> task<void> {
        const auto at = host::listen(anywhere);
        EXPECT_TRUE(at);
        const auto again = host::listen(vsock_address(vsock_address::any, place_of(**at).port()));
        EXPECT_FALSE(again);
        EXPECT_EQ(again.error().kind(), errc::address_in_use) << again.error().message();
        const auto elsewhere = host::listen(vsock_address(77, vsock_address::any_port));
        EXPECT_FALSE(elsewhere);
        EXPECT_EQ(elsewhere.error().kind(), errc::unreachable) << elsewhere.error().message();
        co_return;
    });
}

TEST_P(Vsock, KnowsTheMachinesOwnNumber) {
    run([]() -> task<void> {
        const auto cid = host::own_vsock_cid();
        EXPECT_TRUE(cid) << cid.error().message();
        co_return;
    });
}

// The peer's receive buffer is our credit: a writer stops there until somebody reads.
TEST_P(Vsock, HoldsAWriterUpAtTheReceiveBufferThatWasAskedFor) {
    run([]() -> task<void> {
        constexpr std::size_t room = 32UL * 1024;
        auto at = host::listen(anywhere, {.receive_buffer = room});
        EXPECT_TRUE(at) << at.error().message();
        const joined pair = co_await join(**at, place_of(**at));
        buffer large = buffer::allocate(room * 8);
        const write_result held = co_await with_timeout(50ms, pair.client->write(std::move(large)));
        EXPECT_FALSE(held);
        EXPECT_GE(held.accepted(), room / 2);
        EXPECT_LE(held.accepted(), room * 2);
        std::size_t read = 0;
        while (read < held.accepted()) {
            const auto piece = co_await pair.server->read();
            EXPECT_TRUE(piece);
            read += piece ? piece->size() : room;
        }
        EXPECT_EQ(read, held.accepted());
        EXPECT_TRUE(co_await pair.client->write(buffer::copy_of(std::string_view("go on"))));
    });
}

TEST_P(Vsock, CarriesAThousandConnectionsAtATime) {
    run([]() -> task<void> {
        auto at = host::listen(anywhere);
        EXPECT_TRUE(at);
        std::vector<joined> all;
        for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i) {
            all.push_back(co_await join(**at, place_of(**at)));
        }
        EXPECT_EQ((*at)->statistics().open, 1000U);
        for (const joined& pair : all) {
            EXPECT_TRUE(co_await pair.client->write(buffer::copy_of(std::string_view("ping"))));
        }
        for (const joined& pair : all) {
            const auto got = co_await pair.server->read();
            EXPECT_TRUE(got && got->size() == 4);
        }
    });
}

TEST_P(Vsock, LetsAWaitingAcceptAndAConnectBeCancelled) {
    run([]() -> task<void> {
        auto at = host::listen(anywhere, {.max_connections = 1});
        EXPECT_TRUE(at);
        const auto nobody = co_await with_timeout(20ms, (*at)->accept());
        EXPECT_FALSE(nobody);
        EXPECT_EQ(nobody.error().kind(), errc::timed_out);
        joined first = co_await join(**at, place_of(**at));
        // The kernel answers for the listener; the flow waits until there is room.
        const auto second = co_await host::connect(place_of(**at));
        EXPECT_TRUE(second);
        EXPECT_FALSE(co_await with_timeout(20ms, (*at)->accept()));
        first.server.reset();
        EXPECT_TRUE(co_await (*at)->accept());
    });
}

TEST_P(Vsock, IsOpenedByEndpoints) {
    run([]() -> task<void> {
        host::system_resolver names;
        transport_registry registry;
        host::register_transports(registry, names);
        auto at = co_await registry.listen(*endpoint::parse("vsock://any:4294967295?backlog=5"));
        EXPECT_TRUE(at) << at.error().message();
        const std::string to = "vsock://local:" + std::to_string(place_of(**at).port());
        auto both = co_await when_all(registry.connect(*endpoint::parse(to)), (*at)->accept());
        EXPECT_TRUE(std::get<0>(both) && std::get<1>(both));
        const auto nobody =
            co_await registry.connect(*endpoint::parse("vsock://local:60001?connect-timeout=9s"));
        EXPECT_FALSE(nobody);
        EXPECT_EQ(nobody.error().kind(), errc::refused);
    });
}

} // namespace
} // namespace runnel::guest
