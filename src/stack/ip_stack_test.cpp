// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip_stack.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

ip_prefix prefix(std::string_view text) {
    return *ip_prefix::parse(text);
}

ip_endpoint place(std::string_view text) {
    return *ip_endpoint::parse(text);
}

/// Two stacks on one cable.
struct cable {
    explicit cable(memory_link_options how = {}) {
        memory_link_pair ends = make_memory_pair(how, *mac_address::parse("02:00:00:00:00:01"),
                                                 *mac_address::parse("02:00:00:00:00:02"));
        plug(a, std::move(ends.first), "10.0.0.1/24", "fd00::1/64");
        plug(b, std::move(ends.second), "10.0.0.2/24", "fd00::2/64");
    }
    static void plug(ip_stack& into, std::unique_ptr<stack::link> end, std::string_view v4,
                     std::string_view v6) {
        const std::uint32_t interface = into.net().add_interface(std::move(end), {}, into.now());
        EXPECT_TRUE(into.net().add_address(interface, prefix(v4), into.now()));
        EXPECT_TRUE(into.net().add_address(interface, prefix(v6), into.now()));
        into.arm();
    }
    ip_stack a;
    ip_stack b;
};

template <class F>
void play(F body) {
    const auto here =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    here->run(body());
}

task<std::size_t> count(flow& from) {
    std::size_t size = 0;
    for (;;) {
        const auto data = co_await from.read();
        if (!data) {
            EXPECT_EQ(data.error(), errc::end);
            co_return size;
        }
        size += data->size();
    }
}

task<bool> send(flow& to, std::size_t size) {
    const auto wrote = co_await to.write(buffer::allocate(size));
    const auto told = co_await to.shutdown(direction::write);
    co_return wrote.has_value() && told.has_value();
}

task<void> exchange(cable& both, std::string_view at) {
    listener_ptr listening = listen(both.b.tcp(), place(at)).value();
    auto opened = co_await when_all(with_timeout(5s, stack::connect(both.a.tcp(), place(at))),
                                    with_timeout(5s, listening->accept()));
    if (!std::get<0>(opened) || !std::get<1>(opened)) {
        ADD_FAILURE() << "no connection";
        co_return;
    }
    flow& client = **std::get<0>(opened);
    flow& server = **std::get<1>(opened);
    constexpr std::size_t size = 3'000'000;
    auto sizes =
        co_await when_all(count(client), count(server), send(client, size), send(server, size + 1));
    EXPECT_EQ(std::get<0>(sizes), size + 1);
    EXPECT_EQ(std::get<1>(sizes), size);
    EXPECT_TRUE(co_await client.close());
    EXPECT_TRUE(co_await server.close());
}

TEST(IpStack, ConnectsOverACableInMemory) {
    for (const auto capabilities : {link_capabilities(), link_capabilities::all()}) {
        for (const std::uint32_t mtu : {1280U, 1500U, 9000U}) {
            for (const std::string_view at : {"10.0.0.2:80", "[fd00::2]:80"}) {
                play([&]() -> task<void> {
                    memory_link_options how;
                    how.mtu = mtu;
                    how.capabilities = capabilities;
                    cable both(how);
                    co_await sleep_for(3s); // duplicate addresses are looked for
                    co_await exchange(both, at);
                });
            }
        }
    }
}

TEST(IpStack, ConnectsToItself) {
    play([]() -> task<void> {
        ip_stack own;
        listener_ptr listening = listen(own.tcp(), place("127.0.0.1:80")).value();
        auto opened = co_await when_all(stack::connect(own.tcp(), place("127.0.0.1:80")),
                                        listening->accept());
        EXPECT_TRUE(std::get<0>(opened) && std::get<1>(opened));
        EXPECT_TRUE(co_await (*std::get<0>(opened))->write(buffer::copy_of("to myself")));
        EXPECT_EQ((co_await (*std::get<1>(opened))->read())->view(), "to myself");
    });
}

TEST(IpStack, FlowsOutliveIt) {
    play([]() -> task<void> {
        auto own = std::make_unique<ip_stack>();
        listener_ptr listening = listen(own->tcp(), place("127.0.0.1:80")).value();
        auto flow = co_await stack::connect(own->tcp(), place("127.0.0.1:80"));
        EXPECT_TRUE(flow);
        own.reset();
        const auto data = co_await (*flow)->read();
        EXPECT_EQ(data.error(), errc::aborted);
        const auto wrote = co_await (*flow)->write(buffer::copy_of("x"));
        EXPECT_EQ(wrote.error(), errc::aborted);
        const auto late = co_await listening->accept();
        EXPECT_EQ(late.error(), errc::closed);
    });
}

TEST(IpStack, NoRouteIsSaidAtOnce) {
    play([]() -> task<void> {
        cable both;
        co_await sleep_for(3s);
        const auto nowhere = co_await stack::connect(both.a.tcp(), place("192.0.2.1:80"));
        EXPECT_EQ(nowhere.error(), errc::unreachable);
        const auto silent =
            co_await with_timeout(30s, stack::connect(both.a.tcp(), place("10.0.0.77:80")));
        EXPECT_EQ(silent.error(), errc::unreachable) << "nobody answers ARP";
    });
}

} // namespace
