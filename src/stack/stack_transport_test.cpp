// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_transport.hpp"

#include "runnel/async/when.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

TEST(StackDefinition, ReadsALinkAndSettings) {
    const auto lan = stack_definition::parse("lan=tap:rn0,address=10.77.0.2/24,address=fd77::2/64,"
                                             "gateway=10.77.0.1,mtu=9000,cc=bbr,loss=1%,delay=20ms,"
                                             "rate=100Mbit,capture=/tmp/x.pcapng");
    ASSERT_TRUE(lan) << lan.error().message();
    EXPECT_EQ(lan->name, "lan");
    EXPECT_EQ(lan->kind, stack_definition::link_kind::tap);
    EXPECT_EQ(lan->device, "rn0");
    ASSERT_EQ(lan->addresses.size(), 2U);
    EXPECT_EQ(lan->addresses[1], *ip_prefix::parse("fd77::2/64"));
    EXPECT_EQ(lan->gateways.at(0), *ip_address::parse("10.77.0.1"));
    EXPECT_EQ(lan->mtu, 9000U);
    EXPECT_EQ(lan->congestion, congestion_kind::bbr);
    EXPECT_DOUBLE_EQ(lan->loss, 0.01);
    EXPECT_EQ(lan->delay, 20ms);
    EXPECT_EQ(lan->rate, 100'000'000U);
    EXPECT_EQ(lan->capture, "/tmp/x.pcapng");
}

TEST(StackDefinition, ReadsAFileOfThem) {
    const auto all = stack_definition::parse_all("# the laboratory\n"
                                                 "\n"
                                                 "lan=tap:rn0,address=10.77.0.2/24\r\n"
                                                 "    # not yet: mtu=9000\n"
                                                 "    gateway=10.77.0.1\n"
                                                 "wan=memory:x,address=10.0.0.1/8");
    ASSERT_TRUE(all) << all.error().message();
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ((*all)[0].gateways.size(), 1U);
    EXPECT_EQ((*all)[0].mtu, std::nullopt);
    EXPECT_EQ((*all)[1].name, "wan");
    EXPECT_TRUE(stack_definition::parse_all("")->empty());
    const auto bad = stack_definition::parse_all("a=memory:x,address=10.0.0.1/8\n\nb=memory:x\n");
    EXPECT_EQ(bad.error().text(),
              "line 3: stack 'b' has no address, as in address=10.77.0.2/24 or dhcp");
}

TEST(StackDefinition, SaysWhatIsWrong) {
    const auto text_of = [](std::string_view text) {
        const auto made = stack_definition::parse(text);
        return made ? std::string("fine") : std::string(made.error().text());
    };
    const std::string links = "expected a link: tap:DEVICE, tun:DEVICE, packet:INTERFACE, "
                              "qemu:PATH, qemu-connect:PATH, qemu-dgram:PATH or memory:NAME";
    EXPECT_EQ(text_of("lan"), "stack 'lan': '': " + links);
    EXPECT_EQ(text_of("=tap:x"), "'=tap:x': expected NAME=LINK,SETTINGS, as "
                                 "lan=tap:rn0,address=10.77.0.2/24");
    EXPECT_EQ(text_of("a=wire:x"), "stack 'a': 'wire:x': " + links);
    EXPECT_EQ(text_of("a=qemu-dgram:/x,address=1.2.3.4/8"),
              "stack 'a' has no peer, as in peer=/run/guest.sock");
    EXPECT_EQ(text_of("a=tap:x,peer=/y"),
              "stack 'a': 'peer=/y': expected the path to which datagrams for qemu-dgram go");
    EXPECT_EQ(text_of("a=tap:x"), "stack 'a' has no address, as in address=10.77.0.2/24 or dhcp");
    EXPECT_EQ(text_of("a=tap:x,adress=1.2.3.4/8"),
              "stack 'a': unknown setting 'adress'; did you mean 'address'?");
    EXPECT_EQ(text_of("a=tap:x,address=1.2.3.4"),
              "stack 'a': 'address=1.2.3.4': expected an address with the length of its network, "
              "as 10.77.0.2/24");
    EXPECT_EQ(text_of("a=tap:x,mtu=10"),
              "stack 'a': 'mtu=10': expected a number from 576 to 65535");
    EXPECT_EQ(text_of("a=tap:x,loss=150%"),
              "stack 'a': 'loss=150%': expected a share, as 1% or 0.01");
    EXPECT_EQ(text_of("a=tap:x,cc=vegas"),
              "stack 'a': 'cc=vegas': expected new_reno, cubic or bbr");
    for (const std::string wrong : {"rate=", "rate=100", "rate=0bit", "rate=9999999Gbit"}) {
        EXPECT_EQ(text_of("a=tap:x," + wrong),
                  "stack 'a': '" + wrong + "': expected bits a second up to 1000Gbit, as 100Mbit");
    }
    EXPECT_EQ(text_of("a=tap:x,capture="), "stack 'a': 'capture=': expected a file");
}

/// Nobody has a name here.
class no_names final : public resolver {
    task<result<std::vector<ip_address>>> resolve(std::string /*name*/,
                                                  ip_family /*family*/) override {
        co_return fail(errc::not_found);
    }
};

class StackTransport : public testing::Test {
public:
    StackTransport() {
        registry_.add("tcp", {});
        for (const char* text : {"a=memory:x,address=10.0.0.1/24,address=fd00::1/64",
                                 "b=memory:x,address=10.0.0.2/24,address=fd00::2/64,delay=1ms"}) {
            EXPECT_TRUE(stacks_.add(*stack_definition::parse(text)));
        }
        register_stacks(registry_, stacks_, names_);
    }
    static endpoint place(std::string_view text) { return *endpoint::parse(text); }

    transport_registry registry_;
    stack_set stacks_;
    no_names names_;
};

TEST_F(StackTransport, OpensEndpointsThatNameAStack) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([](StackTransport& t) -> task<void> {
        for (const auto* const at : {"tcp://10.0.0.2:80", "tcp://[fd00::2]:81"}) {
            auto listening = co_await t.registry_.listen(place(std::string(at) + "?stack=b"));
            if (!listening) {
                ADD_FAILURE() << listening.error().message();
                co_return;
            }
            auto opened = co_await when_all(
                t.registry_.connect(place(std::string(at) + "?stack=a")), (*listening)->accept());
            if (!std::get<0>(opened) || !std::get<1>(opened)) {
                ADD_FAILURE() << at << ": "
                              << (std::get<0>(opened) ? "accepted nothing"
                                                      : std::get<0>(opened).error().message());
                co_return;
            }
            EXPECT_TRUE(co_await (*std::get<0>(opened))->write(buffer::copy_of("hello")));
            EXPECT_EQ((co_await (*std::get<1>(opened))->read())->view(), "hello");
        }
    }(*this));
}

TEST_F(StackTransport, CapturesItsFramesAndWhyTheyWereDropped) {
    const std::string path = testing::TempDir() + "runnel-stack-capture.pcapng";
    ASSERT_TRUE(
        stacks_.add(*stack_definition::parse("seen=memory:x,address=10.0.0.3/24,capture=" + path)));
    {
        const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
        here->run([](StackTransport& t) -> task<void> {
            const auto seen = co_await t.stacks_.open("seen");
            EXPECT_TRUE(seen);
            const auto refused = co_await t.registry_.connect(place("tcp://10.0.0.3:9?stack=b"));
            EXPECT_EQ(refused.error(), errc::refused);
        }(*this));
    }
    std::ifstream file(path, std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(content.starts_with("\x0a\x0d\x0d\x0a"));
    EXPECT_NE(content.find("seen"), std::string::npos) << "the name of the link";
    EXPECT_NE(content.find("dropped: no_connection"), std::string::npos);
    std::remove(path.c_str());
}

TEST_F(StackTransport, SaysWhereItCannotCapture) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([]() -> task<void> {
        const auto made = open_stack(
            *stack_definition::parse("x=memory:x,address=10.0.0.3/24,capture=/nowhere/x"));
        EXPECT_EQ(made.error(), errc::not_found);
        co_return;
    }());
}

TEST_F(StackTransport, SaysWhatAStackCannotDo) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([](StackTransport& t) -> task<void> {
        const auto unknown = co_await t.registry_.connect(place("tcp://10.0.0.2:80?stack=c"));
        EXPECT_EQ(unknown.error(), errc::not_found);
        const auto refused = co_await t.registry_.connect(place("tcp://10.0.0.2:9?stack=a"));
        EXPECT_EQ(refused.error(), errc::unreachable) << "nobody opened the other stack";
        const auto listening = co_await t.registry_.listen(place("tcp://10.0.0.77:80?stack=b"));
        EXPECT_EQ(listening.error(), errc::unreachable);
    }(*this));
    EXPECT_FALSE(stacks_.add(*stack_definition::parse("a=memory:x,address=10.0.0.9/24")));
}

} // namespace
