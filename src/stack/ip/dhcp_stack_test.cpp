// SPDX-License-Identifier: Apache-2.0
// Stacks that get their addresses from a DHCP server of another stack, in virtual time.
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/stack/ip/dhcp_client.hpp"
#include "runnel/stack/stack_transport.hpp"
#include "runnel/stack/udp_channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using kind = dhcp_message::kind;

stack_definition described(std::string_view text) {
    return *stack_definition::parse(text);
}

/// Hands out 10.0.0.50, then 10.0.0.51 and so on after each refusal.
struct test_server {
    explicit test_server(std::string_view link) {
        own = open_stack(described("server=memory:" + std::string(link) + ",address=10.0.0.1/24"))
                  .value();
        udp_options options;
        options.interface = 1;
        door = udp_channel::open(*own, {ipv4_address::any(), dhcp_message::server_port}, options)
                   .value();
    }
    task<void> serve() {
        for (;;) {
            const auto got = co_await door->receive();
            if (!got) {
                co_return;
            }
            const auto asked = dhcp_message::parse(got->payload.span());
            if (!asked || asked->reply) {
                ADD_FAILURE() << "no question";
                continue;
            }
            seen.push_back(asked->what);
            answer(*asked, got->source);
        }
    }
    void answer(const dhcp_message& asked, const ip_endpoint& from) {
        if (asked.what == kind::decline || asked.what == kind::release || silent) {
            next = ipv4_address(next.number() + (asked.what == kind::decline ? 1 : 0));
            return;
        }
        dhcp_message out;
        out.what = asked.what == kind::discover ? kind::offer : kind::ack;
        out.reply = true;
        out.transaction = asked.transaction;
        out.hardware = asked.hardware;
        out.yours = next;
        out.server = ipv4_address(10, 0, 0, 1);
        out.lease_seconds = 600;
        out.prefix_length = 24;
        out.routers = {gateway};
        out.name_servers = {ipv4_address(10, 0, 0, 1)};
        out.mtu = 1400;
        if (refuse && asked.what == kind::request) {
            out.what = kind::nak;
        }
        const ip_endpoint to(from.address().is_unspecified() ? ip_address(ipv4_address::broadcast())
                                                             : from.address(),
                             dhcp_message::client_port);
        EXPECT_TRUE(door->send_to(to, out.encode()));
    }

    std::unique_ptr<ip_stack> own;
    std::unique_ptr<udp_channel> door;
    std::vector<kind> seen;
    ipv4_address next{10, 0, 0, 50};
    ipv4_address gateway{10, 0, 0, 1};
    bool silent = false;
    bool refuse = false;
};

template <class F>
void play(std::string_view link, F body) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([](std::string_view at, F& run) -> task<void> {
        test_server server(at);
        (void)co_await when_any(server.serve(), run(server));
    }(link, body));
}

bool has_route(ip_stack& stack, std::string_view network, std::string_view gateway) {
    for (const route& one : stack.net().routes()) {
        if (one.destination == *ip_prefix::parse(network) && one.gateway &&
            *one.gateway == *ip_address::parse(gateway)) {
            return true;
        }
    }
    return false;
}

TEST(DhcpStack, GetsAnAddressWithRoutesAndNameServersAndKeepsIt) {
    play("one", [](test_server& server) -> task<void> {
        const auto client = open_stack(described("c=memory:one,dhcp")).value();
        EXPECT_TRUE(co_await client->settled());
        EXPECT_TRUE(client->net().is_ours(ipv4_address(10, 0, 0, 50)));
        EXPECT_TRUE(has_route(*client, "0.0.0.0/0", "10.0.0.1"));
        EXPECT_EQ(client->name_servers().at(0), ip_address(ipv4_address(10, 0, 0, 1)));
        EXPECT_EQ(client->net().way({}, ipv4_address(10, 0, 0, 1)).mtu, 1400U);
        co_await sleep_for(1h); // which is many leases
        EXPECT_TRUE(client->net().is_ours(ipv4_address(10, 0, 0, 50)));
        EXPECT_EQ(std::ranges::count(server.seen, kind::discover), 1);
        EXPECT_EQ(std::ranges::count(server.seen, kind::request), 12 + 1);
        server.gateway = ipv4_address(10, 0, 0, 9);
        co_await sleep_for(10min);
        EXPECT_TRUE(has_route(*client, "0.0.0.0/0", "10.0.0.9"));
        EXPECT_FALSE(has_route(*client, "0.0.0.0/0", "10.0.0.1"));
    });
}

TEST(DhcpStack, LosesItsAddressWhenNobodyRenewsItAndGetsANewOne) {
    play("two", [](test_server& server) -> task<void> {
        const auto client = open_stack(described("c=memory:two,dhcp")).value();
        EXPECT_TRUE(co_await client->settled());
        server.silent = true;
        co_await sleep_for(11min);
        EXPECT_FALSE(client->net().is_ours(ipv4_address(10, 0, 0, 50)));
        EXPECT_FALSE(has_route(*client, "0.0.0.0/0", "10.0.0.1"));
        EXPECT_TRUE(client->name_servers().empty());
        server.silent = false;
        server.next = ipv4_address(10, 0, 0, 60);
        EXPECT_TRUE(co_await client->settled());
        EXPECT_TRUE(client->net().is_ours(ipv4_address(10, 0, 0, 60)));
    });
}

TEST(DhcpStack, DeclinesAnAddressThatSomebodyHas) {
    play("three", [](test_server& server) -> task<void> {
        const auto owner = open_stack(described("o=memory:three,address=10.0.0.50/24")).value();
        const auto client = open_stack(described("c=memory:three,dhcp")).value();
        EXPECT_TRUE(co_await client->settled());
        EXPECT_TRUE(client->net().is_ours(ipv4_address(10, 0, 0, 51)));
        EXPECT_FALSE(client->net().is_ours(ipv4_address(10, 0, 0, 50)));
        EXPECT_EQ(std::ranges::count(server.seen, kind::decline), 1);
    });
}

TEST(DhcpStack, GivesItsAddressBackWhenAsked) {
    play("four", [](test_server& server) -> task<void> {
        const auto client = open_stack(described("c=memory:four,dhcp")).value();
        EXPECT_TRUE(co_await client->settled());
        client->release_dhcp(1);
        EXPECT_FALSE(client->net().is_ours(ipv4_address(10, 0, 0, 50)));
        co_await sleep_for(1s);
        EXPECT_EQ(server.seen.back(), kind::release);
    });
}

TEST(DhcpStack, IsForEthernetAndForOneClientAnInterface) {
    play("five", [](test_server& /*server*/) -> task<void> {
        const auto client = open_stack(described("c=memory:five,dhcp")).value();
        EXPECT_EQ(client->start_dhcp(1).error(), errc::invalid_argument);
        EXPECT_EQ(client->start_dhcp(7).error(), errc::invalid_argument);
        EXPECT_TRUE(co_await client->settled());
    });
}

TEST(DhcpSettings, AreReadAndRefused) {
    EXPECT_EQ(described("a=tap:x,dhcp").dhcp, 30s);
    EXPECT_EQ(described("a=tap:x,dhcp=5s,address=fd00::2/64").dhcp, 5s);
    EXPECT_FALSE(described("a=tap:x,address=10.0.0.1/8").dhcp);
    EXPECT_EQ(stack_definition::parse("a=tap:x,dhcp=soon").error().message(),
              "stack 'a': 'dhcp=soon': expected nothing, or a time, as dhcp=10s: invalid argument");
    EXPECT_EQ(stack_definition::parse("a=tun:x,dhcp").error().message(),
              "stack 'a': DHCP needs Ethernet, which a TUN device has not: invalid argument");
}

TEST(DhcpSettings, SayWhyThereIsNoAddressInTime) {
    play("six", [](test_server& server) -> task<void> {
        stack_set stacks;
        EXPECT_TRUE(stacks.add(described("a=memory:six,dhcp=20s")));
        server.silent = true;
        const auto silent = co_await stacks.open("a");
        EXPECT_EQ(silent.error(), errc::timed_out);
        EXPECT_EQ(silent.error().message(),
                  "stack 'a': DHCP gave no address within 20s (no server answers): timed out");
        server.silent = false;
        server.refuse = true;
        const auto refused = co_await stacks.open("a");
        EXPECT_EQ(refused.error().message(),
                  "stack 'a': DHCP gave no address within 20s (refused): timed out");
        server.refuse = false;
        const auto good = co_await stacks.open("a");
        EXPECT_TRUE(good) << good.error().message();
    });
}

} // namespace
