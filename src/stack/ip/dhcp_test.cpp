// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/byte_order.hpp"
#include "runnel/stack/ip/dhcp_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using kind = dhcp_message::kind;
using state = dhcp_client::state;

constexpr mac_address mac(2, 0, 0, 0, 0, 1);
constexpr ipv4_address server(10, 0, 0, 1);
constexpr ipv4_address address(10, 0, 0, 50);

dhcp_message full_message() {
    dhcp_message all;
    all.what = kind::ack;
    all.reply = true;
    all.transaction = 0x1234'5678;
    all.yours = address;
    all.hardware = mac;
    all.server = server;
    all.lease_seconds = 3600;
    all.renewal_seconds = 1000;
    all.rebinding_seconds = 2000;
    all.prefix_length = 24;
    all.mtu = 1400;
    all.routers = {server};
    all.name_servers = {server, ipv4_address(10, 0, 0, 3)};
    all.routes = {{*ip_prefix::parse("192.168.0.0/17"), ipv4_address(10, 0, 0, 9)},
                  {*ip_prefix::parse("0.0.0.0/0"), server}};
    all.domain = "example.org";
    return all;
}

/// The bytes of a message as RFC 2131 has them, with any options behind.
std::vector<std::byte> raw(std::initializer_list<int> options) {
    std::vector<std::byte> bytes(240);
    bytes[0] = std::byte{2};
    bytes[1] = std::byte{1};
    bytes[2] = std::byte{6};
    store_be32(bytes.data() + 236, 0x6382'5363);
    for (const int one : options) {
        bytes.push_back(static_cast<std::byte>(one));
    }
    return bytes;
}

TEST(DhcpMessage, IsReadAsItWasWritten) {
    const dhcp_message all = full_message();
    const buffer bytes = all.encode();
    EXPECT_GE(bytes.size(), 300U);
    const auto again = dhcp_message::parse(bytes.span());
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(*again, all);
    EXPECT_EQ(bytes.data()[0], std::byte{2});
    EXPECT_EQ(load_be32(bytes.data() + 16), address.number());
    EXPECT_EQ(load_be32(bytes.data() + 236), 0x6382'5363U);
    EXPECT_EQ(load_be24(bytes.data() + 240), 0x35'0105U); // the type of the message
}

TEST(DhcpMessage, ReadsOptionsThatAreSplitOrStandInOtherFields) {
    // The mask in two pieces, behind padding; "file" and "sname" hold options, too.
    auto bytes = raw({0, 0, 53, 1, 5, 1, 2, 255, 255, 1, 2, 255, 0, 52, 1, 3, 255, 77, 77});
    const std::array in_file{std::byte{51}, std::byte{4},  std::byte{0},
                             std::byte{0},  std::byte{14}, std::byte{16}};
    std::memcpy(bytes.data() + 108, in_file.data(), in_file.size());
    const std::array in_name{std::byte{54}, std::byte{4}, std::byte{10},
                             std::byte{0},  std::byte{0}, std::byte{1}};
    std::memcpy(bytes.data() + 44, in_name.data(), in_name.size());
    const auto got = dhcp_message::parse(bytes);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->what, kind::ack);
    EXPECT_EQ(got->prefix_length, 24U);
    EXPECT_EQ(got->lease_seconds, 3600U);
    EXPECT_EQ(got->server, server);
}

TEST(DhcpMessage, RefusesWhatCannotBe) {
    EXPECT_TRUE(dhcp_message::parse(raw({53, 1, 5})));
    EXPECT_FALSE(dhcp_message::parse(raw({})));               // no type
    EXPECT_FALSE(dhcp_message::parse(raw({53, 1, 9})));       // an unknown one
    EXPECT_FALSE(dhcp_message::parse(raw({53, 2, 5, 5})));    // of two bytes
    EXPECT_FALSE(dhcp_message::parse(raw({53, 1, 5, 1, 4}))); // longer than the message
    EXPECT_FALSE(dhcp_message::parse(raw({53, 1, 5, 1})));    // without a length
    for (const std::size_t place : {0U, 1U, 2U, 236U}) {
        auto bytes = raw({53, 1, 5});
        bytes[place] = std::byte{77};
        EXPECT_FALSE(dhcp_message::parse(bytes)) << place;
    }
    const auto whole = raw({});
    EXPECT_FALSE(dhcp_message::parse(std::span(whole).first(239)));
    std::vector<std::byte> large = raw({53, 1, 5});
    large.resize(dhcp_message::max_size + 1);
    EXPECT_FALSE(dhcp_message::parse(large));
}

TEST(DhcpMessage, LeavesOutOptionsThatMakeNoSenseAndBoundsLists) {
    const auto odd =
        dhcp_message::parse(raw({53, 1,   5, 1,  4, 255, 0, 255, 0, 51, 2, 1,   1, 26, 1,
                                 9,  121, 6, 33, 1, 2,   3, 4,   5, 15, 3, 'a', 7, 'b'}));
    ASSERT_TRUE(odd);
    EXPECT_FALSE(odd->prefix_length); // a mask with holes
    EXPECT_FALSE(odd->lease_seconds);
    EXPECT_FALSE(odd->mtu);
    EXPECT_TRUE(odd->routes.empty()); // a network of 33 bits
    EXPECT_EQ(odd->domain, "a?b");
    dhcp_message many = full_message();
    many.name_servers.assign(100, server);
    many.routes.assign(100, {*ip_prefix::parse("10.1.2.3/32"), server});
    const auto cut = dhcp_message::parse(many.encode().span());
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->name_servers.size(), dhcp_message::max_servers);
    EXPECT_EQ(cut->routes.size(), 28U); // as many as one option holds
}

/// A client, and what it does.
class DhcpClient : public testing::Test {
protected:
    /// What happened since the last call, in words.
    std::string events() {
        std::string text;
        while (auto next = client_.next_action()) {
            text += text.empty() ? "" : ", ";
            if (auto* sent = std::get_if<dhcp_client::send>(&*next)) {
                last_ = *dhcp_message::parse(sent->message.span());
                from_ = sent->from;
                to_ = sent->to;
                static const std::array<const char*, 9> names{
                    "", "discover", "offer", "request", "decline", "ack", "nak", "release", ""};
                text += names[static_cast<std::size_t>(last_.what)];
                text += to_.is_broadcast() ? "" : " to " + to_.to_string();
            } else if (const auto* check = std::get_if<dhcp_client::check>(&*next)) {
                text += "check " + check->address.to_string();
            } else if (const auto* use = std::get_if<dhcp_client::use>(&*next)) {
                text += "use " + use->lease.address.to_string();
            } else {
                text += "lose " + std::get<dhcp_client::lose>(*next).address.to_string();
            }
        }
        return text;
    }
    /// Lets time pass until the client wants to act, and says what it did.
    std::string later() {
        now_ = client_.deadline();
        client_.advance(now_);
        return events();
    }
    std::string answer(kind what, const std::function<void(dhcp_message&)>& change = {}) {
        dhcp_message out = full_message();
        out.what = what;
        out.transaction = last_.transaction;
        if (change) {
            change(out);
        }
        client_.received(out.encode().span(), now_);
        return events();
    }
    void bind() {
        client_.start(now_);
        ASSERT_EQ(events(), "discover");
        ASSERT_EQ(answer(kind::offer), "request");
        ASSERT_EQ(answer(kind::ack), "check 10.0.0.50/24");
        client_.checked(true, now_);
        ASSERT_EQ(events(), "use 10.0.0.50/24");
        ASSERT_EQ(client_.now_in(), state::bound);
    }
    [[nodiscard]] duration until_deadline() const { return client_.deadline() - now_; }

    time_point now_ = time_point(1000s);
    dhcp_client client_{mac, 7};
    dhcp_message last_;
    ipv4_address from_;
    ipv4_address to_;
};

TEST_F(DhcpClient, AsksForAnAddressAndChecksThatItIsFree) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    EXPECT_TRUE(last_.broadcast && from_.is_unspecified());
    EXPECT_EQ(last_.hardware, mac);
    EXPECT_EQ(answer(kind::offer), "request");
    EXPECT_EQ(last_.requested, address);
    EXPECT_EQ(last_.server, server);
    EXPECT_TRUE(last_.client.is_unspecified() && from_.is_unspecified());
    EXPECT_EQ(answer(kind::ack), "check 10.0.0.50/24");
    EXPECT_FALSE(client_.lease());
    now_ += 1s;
    client_.checked(true, now_);
    EXPECT_EQ(events(), "use 10.0.0.50/24");
    ASSERT_TRUE(client_.lease());
    EXPECT_EQ(client_.lease()->renewal, time_point(2000s));
    EXPECT_EQ(client_.lease()->rebinding, time_point(3000s));
    EXPECT_EQ(client_.lease()->end, time_point(4600s));
    EXPECT_EQ(client_.lease()->routes.size(), 2U); // classless ones, not the router
    EXPECT_EQ(client_.lease()->name_servers.size(), 2U);
}

TEST_F(DhcpClient, RepeatsItsQuestionsMoreAndMoreSeldom) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    for (const int expected : {4, 8, 16, 32, 64, 64, 64}) {
        EXPECT_GE(until_deadline(), std::chrono::seconds(expected - 1));
        EXPECT_LE(until_deadline(), std::chrono::seconds(expected + 1));
        EXPECT_EQ(later(), "discover");
    }
    const std::uint32_t transaction = last_.transaction;
    EXPECT_EQ(answer(kind::offer), "request");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(later(), "request");
    }
    EXPECT_EQ(later(), "discover"); // that server is gone
    EXPECT_NE(last_.transaction, transaction);
}

TEST_F(DhcpClient, IgnoresAnswersThatAreNotForItOrWithoutWhatItNeeds) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { ++m.transaction; }), "");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { m.hardware = mac_address(2, 0, 0, 0, 0, 2); }), "");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { m.reply = false; }), "");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { m.server.reset(); }), "");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { m.lease_seconds.reset(); }), "");
    EXPECT_EQ(answer(kind::offer, [](auto& m) { m.lease_seconds = 9; }), "");
    for (const char* bad : {"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.7"}) {
        EXPECT_EQ(answer(kind::offer, [&](auto& m) { m.yours = *ipv4_address::parse(bad); }), "");
    }
    EXPECT_EQ(answer(kind::ack), "");
    EXPECT_EQ(answer(kind::nak), "");
    EXPECT_EQ(answer(kind::discover), "");
    EXPECT_EQ(answer(kind::offer), "request");
    EXPECT_EQ(answer(kind::offer), ""); // a second one
    EXPECT_EQ(answer(kind::ack, [](auto& m) { m.yours = ipv4_address(10, 0, 0, 51); }), "");
    EXPECT_EQ(answer(kind::ack, [](auto& m) { m.server = ipv4_address(10, 0, 0, 7); }), "");
    EXPECT_EQ(answer(kind::nak, [](auto& m) { m.server = ipv4_address(10, 0, 0, 7); }), "");
    EXPECT_EQ(answer(kind::ack), "check 10.0.0.50/24");
    EXPECT_EQ(answer(kind::ack), "");
}

TEST_F(DhcpClient, BeginsAnewAfterARefusal) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    EXPECT_EQ(answer(kind::offer), "request");
    EXPECT_EQ(answer(kind::nak, [](auto& m) { m.text = "not here"; }), "");
    EXPECT_EQ(client_.refusal(), "not here");
    EXPECT_EQ(until_deadline(), dhcp_client::pause);
    EXPECT_EQ(later(), "discover");
}

TEST_F(DhcpClient, DeclinesAnAddressThatIsTaken) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    EXPECT_EQ(answer(kind::offer), "request");
    EXPECT_EQ(answer(kind::ack), "check 10.0.0.50/24");
    client_.checked(false, now_);
    EXPECT_EQ(events(), "decline, lose 10.0.0.50");
    EXPECT_EQ(last_.requested, address);
    EXPECT_EQ(last_.server, server);
    EXPECT_FALSE(client_.lease());
    EXPECT_EQ(client_.refusal(), "10.0.0.50 is used by another machine");
    EXPECT_EQ(until_deadline(), dhcp_client::pause);
    EXPECT_EQ(later(), "discover");
}

TEST_F(DhcpClient, RenewsAtItsServerWhenHalfTheTimeIsOver) {
    bind();
    EXPECT_EQ(later(), "request to 10.0.0.1");
    EXPECT_EQ(now_, time_point(2000s));
    EXPECT_EQ(client_.now_in(), state::renewing);
    EXPECT_EQ(from_, address);
    EXPECT_EQ(last_.client, address);
    EXPECT_FALSE(last_.requested || last_.server || last_.broadcast);
    EXPECT_EQ(answer(kind::ack, [](auto& m) { m.yours = ipv4_address(10, 0, 0, 51); }), "");
    EXPECT_EQ(answer(kind::ack, [](auto& m) { m.routes.clear(); }), "use 10.0.0.50/24");
    EXPECT_EQ(client_.lease()->renewal, time_point(3000s));
    ASSERT_EQ(client_.lease()->routes.size(), 1U);
    EXPECT_EQ(client_.lease()->routes[0].gateway, server); // the router now
}

TEST_F(DhcpClient, AsksEverybodyBeforeItLosesItsAddress) {
    bind();
    std::vector<std::string> asked;
    std::string last;
    while (client_.lease()) {
        last = later();
        asked.push_back(last);
        ASSERT_LE(asked.size(), 30U);
    }
    EXPECT_EQ(now_, time_point(4600s));
    EXPECT_EQ(last, "lose 10.0.0.50, discover");
    EXPECT_EQ(asked.front(), "request to 10.0.0.1");
    // Half of what is left each time, and never less than a minute: 500, 250, 125, 62.5 and 60 s
    // until T2, and 800, 400, … until the end.
    EXPECT_EQ(std::ranges::count(asked, "request to 10.0.0.1"), 6);
    EXPECT_EQ(std::ranges::count(asked, "request"), 6);
}

TEST_F(DhcpClient, TakesAnotherServersAnswerWhenItAsksEverybody) {
    bind();
    while (client_.now_in() != state::rebinding) {
        (void)later();
    }
    EXPECT_EQ(now_, time_point(3000s));
    EXPECT_EQ(from_, address);
    EXPECT_EQ(answer(kind::ack, [](auto& m) { m.server = ipv4_address(10, 0, 0, 2); }),
              "use 10.0.0.50/24");
    EXPECT_EQ(client_.lease()->server, ipv4_address(10, 0, 0, 2));
    EXPECT_EQ(client_.now_in(), state::bound);
}

TEST_F(DhcpClient, LosesItsAddressWhenItsServerSaysSo) {
    bind();
    EXPECT_EQ(later(), "request to 10.0.0.1");
    EXPECT_EQ(answer(kind::nak), "lose 10.0.0.50");
    EXPECT_FALSE(client_.lease());
    EXPECT_EQ(later(), "discover");
}

TEST_F(DhcpClient, GivesItsAddressBack) {
    bind();
    client_.release(now_);
    EXPECT_EQ(events(), "release to 10.0.0.1, lose 10.0.0.50");
    EXPECT_EQ(last_.client, address);
    EXPECT_EQ(last_.server, server);
    EXPECT_EQ(client_.now_in(), state::stopped);
    EXPECT_EQ(client_.deadline(), never);
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    client_.release(now_); // without one
    EXPECT_EQ(events(), "");
}

TEST_F(DhcpClient, KeepsAnAddressWithoutEnd) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    const auto forever = [](dhcp_message& m) { m.lease_seconds = 0xffff'ffff; };
    EXPECT_EQ(answer(kind::offer, forever), "request");
    EXPECT_EQ(answer(kind::ack, forever), "check 10.0.0.50/24");
    client_.checked(true, now_);
    EXPECT_EQ(events(), "use 10.0.0.50/24");
    EXPECT_EQ(client_.deadline(), never);
}

TEST_F(DhcpClient, ChoosesTimesItselfWhereTheServersCannotBe) {
    client_.start(now_);
    EXPECT_EQ(events(), "discover");
    const auto odd = [](dhcp_message& m) {
        m.renewal_seconds = 5000;
        m.rebinding_seconds = 4000;
        m.prefix_length.reset();
    };
    EXPECT_EQ(answer(kind::offer, odd), "request");
    EXPECT_EQ(answer(kind::ack, odd), "check 10.0.0.50/8"); // the class of the address
    client_.checked(true, now_);
    EXPECT_EQ(events(), "use 10.0.0.50/8");
    EXPECT_EQ(client_.lease()->renewal, time_point(2800s));
    EXPECT_EQ(client_.lease()->rebinding, time_point(4150s));
}

} // namespace
