// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_layer.hpp"

#include "test_network.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

ip_address address(std::string_view text) {
    return *ip_address::parse(text);
}

ip_endpoint place(std::string_view text) {
    return *ip_endpoint::parse(text);
}

/// Two hosts with an address of each family.
class TcpLayer : public testing::Test {
protected:
    test_network wire_;
    test_network::host& a_ = wire_.add({address("10.0.0.1"), address("fd00::1")});
    test_network::host& b_ = wire_.add({address("10.0.0.2"), address("fd00::2")});
    test_server server_{wire_, b_.tcp(), 100'000};
    test_program client_{wire_, a_.tcp(), 100'000};

    tcp_port& listen(std::string_view at, const tcp_port::options& how = {}) {
        return *b_.tcp().listen(place(at), how, server_, wire_.now()).value();
    }
    void connect(test_program& program, std::string_view to) {
        const auto entry = a_.tcp().connect(place(to), std::nullopt, program, wire_.now());
        ASSERT_TRUE(entry) << entry.error().message();
        program.begin(**entry);
    }
    static std::uint64_t drops(test_network::host& host, tcp_drop why) {
        return host.tcp().counters().drops(why);
    }
};

TEST_F(TcpLayer, CarriesBothDirectionsAndLeavesNothingBehind) {
    for (const std::string_view at : {"10.0.0.2:80", "[fd00::2]:80"}) {
        test_program client(wire_, a_.tcp(), 100'000);
        tcp_port& port = listen(at);
        connect(client, at);
        ASSERT_TRUE(wire_.run_until([&] { return client.done(); }));
        test_program& served = server_.programs.back();
        ASSERT_TRUE(wire_.run_until([&] { return served.done(); }));
        EXPECT_TRUE(client.right && served.right);
        EXPECT_EQ(client.read, 100'000U);
        EXPECT_EQ(served.read, 100'000U);
        b_.tcp().unlisten(port, wire_.now());
    }
    EXPECT_EQ(a_.tcp().connections(), 0U);
    EXPECT_EQ(b_.tcp().connections(), 0U);
    EXPECT_GE(a_.tcp().time_waiting() + b_.tcp().time_waiting(), 2U);
    wire_.run_for(3min);
    EXPECT_EQ(a_.tcp().time_waiting() + b_.tcp().time_waiting(), 0U);
    EXPECT_EQ(wire_.next_event(), never) << "a timer is left";
}

TEST_F(TcpLayer, ListensAtBothFamiliesOrAtOne) {
    tcp_port& port = listen("[::]:80");
    connect(client_, "10.0.0.2:80");
    test_program other(wire_, a_.tcp(), 0);
    connect(other, "[fd00::2]:80");
    EXPECT_TRUE(wire_.run_until([&] { return client_.connected && other.connected; }));
    b_.tcp().unlisten(port, wire_.now());
    listen("[::]:80", {.queue = {}, .dual = false});
    test_program third(wire_, a_.tcp(), 0);
    connect(third, "10.0.0.2:80");
    EXPECT_TRUE(wire_.run_until([&] { return third.ended_; }));
    EXPECT_EQ(third.failure(), errc::refused);
    listen("0.0.0.0:80");
    test_program fourth(wire_, a_.tcp(), 0);
    connect(fourth, "10.0.0.2:80");
    EXPECT_TRUE(wire_.run_until([&] { return fourth.connected; }));
}

TEST_F(TcpLayer, ListensOnceAtAPlace) {
    const auto listen_at = [&](std::string_view at, bool dual = true) {
        const auto port =
            b_.tcp().listen(place(at), {.queue = {}, .dual = dual}, server_, wire_.now());
        return port ? std::optional<errc>() : port.error().kind();
    };
    EXPECT_EQ(listen_at("10.0.0.2:80"), std::nullopt);
    EXPECT_EQ(listen_at("10.0.0.2:80"), errc::address_in_use);
    EXPECT_EQ(listen_at("10.0.0.9:80"), errc::unreachable);
    EXPECT_EQ(listen_at("0.0.0.0:80"), std::nullopt) << "one address is more exact than any";
    EXPECT_EQ(listen_at("[::]:80"), errc::address_in_use);
    EXPECT_EQ(listen_at("[::]:80", false), std::nullopt);
    const auto chosen = b_.tcp().listen(place("0.0.0.0:0"), {}, server_, wire_.now());
    ASSERT_TRUE(chosen);
    EXPECT_GE((*chosen)->at().port(), isn_source::lowest_port);
}

TEST_F(TcpLayer, RefusesWhereNobodyListens) {
    connect(client_, "10.0.0.2:81");
    ASSERT_TRUE(wire_.run_until([&] { return client_.ended_; }));
    EXPECT_EQ(client_.failure(), errc::refused);
    EXPECT_EQ(drops(b_, tcp_drop::no_connection), 1U);
    client_.release();
    EXPECT_EQ(a_.tcp().connections(), 0U);
}

TEST_F(TcpLayer, LimitsResetsAndAnswersNoneWithOne) {
    tcp_header stray;
    stray.control = tcp_control::none;
    stray.destination_port = 99;
    for (int i = 0; i < 5000; ++i) {
        stray.source_port = static_cast<std::uint16_t>(1000 + i);
        wire_.inject(address("10.0.0.1"), address("10.0.0.2"), stray);
    }
    wire_.run_for(100ms);
    EXPECT_GE(b_.packets, 500U);
    EXPECT_LE(b_.packets, 1500U);
    EXPECT_EQ(a_.packets, 0U) << "a reset was answered";
}

TEST_F(TcpLayer, FlowsOutliveTheirListener) {
    tcp_port& port = listen("10.0.0.2:80");
    client_.shuts_down = false;
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return !server_.programs.empty(); }));
    b_.tcp().unlisten(port, wire_.now());
    test_program late(wire_, a_.tcp(), 10);
    connect(late, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return late.ended_; }));
    EXPECT_EQ(late.failure(), errc::refused);
    EXPECT_TRUE(wire_.run_until([&] { return server_.programs[0].read == 100'000; }));
    EXPECT_FALSE(server_.programs[0].ended_);
}

TEST_F(TcpLayer, ChoosesPortsThatNobodyForesees) {
    listen("10.0.0.2:80");
    std::deque<test_program> clients;
    std::vector<std::uint16_t> ports;
    for (int i = 0; i < 50; ++i) {
        connect(clients.emplace_back(wire_, a_.tcp(), 0), "10.0.0.2:80");
        ports.push_back(clients.back().entry()->key().local_port);
    }
    EXPECT_EQ(std::set(ports.begin(), ports.end()).size(), 50U);
    test_network::options how;
    how.seed = 2;
    test_network other(how);
    test_network::host& host = other.add({address("10.0.0.1")});
    test_program elsewhere(other, host.tcp(), 0);
    const auto entry =
        host.tcp().connect(place("10.0.0.2:80"), std::nullopt, elsewhere, other.now());
    elsewhere.begin(**entry);
    EXPECT_NE((*entry)->key().local_port, ports[0]) << "depends on the secret";
}

TEST_F(TcpLayer, ConnectsFromWhereItIsToldTo) {
    listen("10.0.0.2:80");
    const auto first =
        a_.tcp().connect(place("10.0.0.2:80"), place("10.0.0.1:7777"), client_, wire_.now());
    ASSERT_TRUE(first);
    client_.begin(**first);
    EXPECT_EQ((*first)->local(), place("10.0.0.1:7777"));
    test_program other(wire_, a_.tcp(), 0);
    const auto error_of = [&](std::string_view to, std::string_view from) {
        const auto entry = a_.tcp().connect(place(to), place(from), other, wire_.now());
        return entry ? std::optional<errc>() : entry.error().kind();
    };
    EXPECT_EQ(error_of("10.0.0.2:80", "10.0.0.1:7777"), errc::address_in_use);
    EXPECT_EQ(error_of("10.0.0.2:80", "10.0.0.3:0"), errc::unreachable);
    EXPECT_EQ(error_of("10.0.0.2:80", "[fd00::1]:0"), errc::unreachable);
    EXPECT_EQ(error_of("10.0.0.2:0", "0.0.0.0:0"), errc::invalid_argument);
    EXPECT_EQ(error_of("224.0.0.1:80", "0.0.0.0:0"), errc::invalid_argument);
}

TEST_F(TcpLayer, SaysWhenAllPortsAreTaken) {
    const tcp_layer::options few{.config = {}, .max_connections = 10};
    test_network::host& host = wire_.add({address("10.0.0.5")}, few);
    std::deque<test_program> programs;
    std::optional<errc> failure;
    for (int i = 0; i < 11 && !failure; ++i) {
        test_program& one = programs.emplace_back(wire_, host.tcp(), 0);
        const auto entry = host.tcp().connect(place("10.0.0.9:80"), std::nullopt, one, wire_.now());
        if (entry) {
            one.begin(**entry);
        } else {
            failure = entry.error().kind();
        }
    }
    EXPECT_EQ(failure, errc::limit_exceeded);
    EXPECT_EQ(programs.size(), 11U);
}

TEST_F(TcpLayer, TimeWaitGivesWayToANewConnection) {
    test_server quiet(wire_, b_.tcp(), 0);
    ASSERT_TRUE(b_.tcp().listen(place("10.0.0.2:80"), {}, quiet, wire_.now()));
    for (int i = 0; i < 5; ++i) {
        test_program client(wire_, a_.tcp(), 1000);
        const auto entry =
            a_.tcp().connect(place("10.0.0.2:80"), place("10.0.0.1:7777"), client, wire_.now());
        ASSERT_TRUE(entry) << i << entry.error().message();
        client.begin(**entry);
        ASSERT_TRUE(wire_.run_until([&] { return client.done(); })) << i;
        ASSERT_TRUE(client.right);
        wire_.run_for(1100ms);
        EXPECT_EQ(a_.tcp().time_waiting() + b_.tcp().time_waiting(), 1U);
    }
    EXPECT_EQ(quiet.programs.size(), 5U);
}

TEST_F(TcpLayer, PeersWaitWhileTheProgramTakesNoMore) {
    server_.room_ = 0;
    listen("10.0.0.2:80");
    connect(client_, "10.0.0.2:80");
    wire_.run_for(2s);
    EXPECT_FALSE(client_.connected);
    EXPECT_GT(drops(b_, tcp_drop::backlog_full), 0U);
    server_.room_ = 1;
    EXPECT_TRUE(wire_.run_until([&] { return client_.done(); }));
}

TEST_F(TcpLayer, AFloodOfSynsCostsNoMemoryAndKeepsNobodyOut) {
    listen("10.0.0.2:80", {.queue = {.backlog = 100}});
    tcp_header syn;
    syn.control = tcp_control::syn;
    syn.acknowledges = false;
    syn.destination_port = 80;
    std::size_t footprint = 0;
    for (int i = 0; i < 100'000; ++i) {
        syn.source_port = static_cast<std::uint16_t>(i % 60'000);
        const ip_address stranger(ipv4_address(0x0b000000U + static_cast<std::uint32_t>(i)));
        wire_.inject(stranger, address("10.0.0.2"), syn);
        if (i % 1000 == 0) {
            wire_.run_for(1us);
        }
        footprint = i == 5000 ? b_.tcp().footprint() : footprint;
    }
    EXPECT_EQ(b_.tcp().footprint(), footprint);
    EXPECT_EQ(b_.tcp().connections(), 0U);
    connect(client_, "10.0.0.2:80");
    EXPECT_TRUE(wire_.run_until([&] { return client_.done(); }, 20s));
    EXPECT_GE(b_.tcp().counters().cookies_accepted, 1U);
}

// gvisor-tap-vsock #676 and #127: ten SYNs without an answer, or refused, and nobody connects.
TEST_F(TcpLayer, ConnectionsToNowhereKeepNobodyOut) {
    listen("10.0.0.2:80");
    std::deque<test_program> lost;
    for (int i = 0; i < 2000; ++i) {
        test_program& one = lost.emplace_back(wire_, a_.tcp(), 0);
        connect(one, i % 2 == 0 ? "10.0.0.99:80" : "10.0.0.2:81");
    }
    connect(client_, "10.0.0.2:80");
    EXPECT_TRUE(wire_.run_until([&] { return client_.done(); }, 5s));
    wire_.run_for(200s);
    std::size_t refused = 0;
    std::size_t timed_out = 0;
    for (const test_program& one : lost) {
        refused += one.failure() == errc::refused ? 1U : 0U;
        timed_out += one.failure() == errc::timed_out ? 1U : 0U;
    }
    // Those beyond the limit of resets ask again, and are answered in a later second.
    EXPECT_EQ(refused, 1000U);
    EXPECT_EQ(timed_out, 1000U);
    lost.clear();
    wire_.run_for(1s);
    EXPECT_EQ(a_.tcp().connections(), 0U) << "none is left over";
}

TEST_F(TcpLayer, AForwardingListenerAnswersForEverybodyWhenToldTo) {
    const auto port = b_.tcp().listen(
        {}, {.queue = {.deferred = true}, .dual = true, .forwarding = true}, server_, wire_.now());
    ASSERT_TRUE(port);
    connect(client_, "198.51.100.7:4321");
    ASSERT_TRUE(wire_.run_until([&] { return !server_.requests.empty(); }));
    EXPECT_EQ(server_.requests[0].here(), place("198.51.100.7:4321"));
    wire_.run_for(10s);
    EXPECT_FALSE(client_.connected || client_.ended_) << "the SYN waits, repeated or not";
    EXPECT_EQ(server_.requests.size(), 1U);
    EXPECT_TRUE(b_.tcp().admit(**port, server_.requests[0], wire_.now()));
    EXPECT_TRUE(wire_.run_until([&] { return client_.done(); }));
    EXPECT_EQ(client_.read, 100'000U);
    EXPECT_TRUE(client_.right);

    test_program unwanted(wire_, a_.tcp(), 0);
    connect(unwanted, "[2001:db8::1]:9");
    ASSERT_TRUE(wire_.run_until([&] { return server_.requests.size() == 2; }));
    EXPECT_TRUE(b_.tcp().refuse(**port, server_.requests[1], wire_.now()));
    EXPECT_FALSE(b_.tcp().admit(**port, server_.requests[1], wire_.now()));
    ASSERT_TRUE(wire_.run_until([&] { return unwanted.ended_; }));
    EXPECT_EQ(unwanted.failure(), errc::refused);
    EXPECT_FALSE(
        b_.tcp().listen({}, {.queue = {}, .dual = true, .forwarding = true}, server_, wire_.now()));
}

TEST_F(TcpLayer, DisconnectEndsEverything) {
    listen("10.0.0.2:80");
    client_.shuts_down = false;
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.read == 100'000; }));
    b_.tcp().disconnect(wire_.now());
    EXPECT_TRUE(server_.gone);
    EXPECT_EQ(server_.programs[0].failure(), errc::aborted);
    EXPECT_TRUE(server_.programs[0].gone);
    EXPECT_EQ(b_.tcp().connections(), 0U);
    ASSERT_TRUE(wire_.run_until([&] { return client_.ended_; }));
    EXPECT_EQ(client_.failure(), errc::reset);
    EXPECT_FALSE(b_.tcp().listen(place("10.0.0.2:81"), {}, server_, wire_.now()));
    test_program late(wire_, b_.tcp(), 0);
    EXPECT_FALSE(b_.tcp().connect(place("10.0.0.1:1"), std::nullopt, late, wire_.now()));
    client_.release();
    wire_.run_for(5min);
    EXPECT_EQ(wire_.next_event(), never);
}

TEST_F(TcpLayer, AReleasedConnectionIsReset) {
    listen("10.0.0.2:80");
    client_.shuts_down = false;
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.read == 100'000; }));
    client_.release();
    ASSERT_TRUE(wire_.run_until([&] { return server_.programs[0].ended_; }));
    EXPECT_EQ(server_.programs[0].failure(), errc::reset);
    EXPECT_EQ(a_.tcp().connections(), 0U);
}

TEST_F(TcpLayer, AConnectionReleasedAfterItsEndWasToldDeliversTheRest) {
    server_.programs.clear();
    listen("10.0.0.2:80");
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.written == 100'000; }));
    client_.release();
    ASSERT_TRUE(wire_.run_until([&] { return server_.programs[0].read == 100'000; }));
    EXPECT_TRUE(server_.programs[0].right);
    EXPECT_TRUE(wire_.run_until([&] { return server_.programs[0].done(); }));
}

TEST_F(TcpLayer, APeerThatIsGoneDoesNotKeepAnOrphanForEver) {
    listen("10.0.0.2:80");
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.written == 100'000; }));
    wire_.how().faults.loss = 1;
    client_.release();
    EXPECT_TRUE(wire_.run_until([&] { return a_.tcp().connections() == 0; }, 30min));
}

TEST_F(TcpLayer, OneAcknowledgmentAnswersABurst) {
    test_server quiet(wire_, b_.tcp(), 0);
    ASSERT_TRUE(b_.tcp().listen(place("10.0.0.2:80"), {}, quiet, wire_.now()));
    test_program client(wire_, a_.tcp(), 2'000'000);
    connect(client, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client.done(); }));
    EXPECT_GT(a_.packets, 2'000'000U / 1460);
    EXPECT_LT(b_.packets * 4, a_.packets);
}

TEST_F(TcpLayer, SegmentsFitTheWayOfEachFamily) {
    listen("[::]:80");
    a_.keep_sent = true;
    for (const auto& [to, size] : {std::pair("10.0.0.2:80", 1460), {"[fd00::2]:80", 1440}}) {
        test_program client(wire_, a_.tcp(), 0);
        a_.sent.clear();
        connect(client, to);
        EXPECT_EQ(a_.sent.at(0).syn.max_segment_size, size);
        ASSERT_TRUE(wire_.run_until([&] { return client.connected; }));
    }
}

TEST_F(TcpLayer, IcmpErrorsReachTheirConnections) {
    connect(client_, "10.0.0.9:80");
    const tcp_key key = client_.entry()->key();
    tcp_icmp_error what;
    what.what = tcp_icmp_error::kind::unreachable;
    what.local = address("10.0.0.1");
    what.remote = address("10.0.0.9");
    what.local_port = key.local_port;
    what.remote_port = 80;
    what.number = sequence(12345);
    a_.tcp().on_icmp_error(what, wire_.now());
    EXPECT_FALSE(client_.ended_) << "a forged one quotes another number";
    what.number = client_.entry()->engine().sender().una();
    a_.keep_sent = true;
    wire_.run_for(1500ms); // the SYN is repeated
    what.number = a_.sent.at(0).number;
    a_.tcp().on_icmp_error(what, wire_.now());
    EXPECT_TRUE(client_.ended_);
    EXPECT_EQ(client_.failure(), errc::unreachable);
}

TEST_F(TcpLayer, APathThatCarriesLessMakesSegmentsSmaller) {
    listen("10.0.0.2:80");
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.connected; }));
    tcp_icmp_error what;
    what.what = tcp_icmp_error::kind::too_big;
    what.local = address("10.0.0.1");
    what.remote = address("10.0.0.2");
    what.local_port = client_.entry()->key().local_port;
    what.remote_port = 80;
    what.number = client_.entry()->engine().sender().una();
    what.mtu = 1200;
    a_.tcp().on_icmp_error(what, wire_.now());
    EXPECT_EQ(client_.entry()->engine().sender().segment_size(), 1160U - 12U);
    EXPECT_TRUE(wire_.run_until([&] { return client_.done(); }));
}

TEST_F(TcpLayer, ConnectionsEndWithTheirAddress) {
    listen("10.0.0.2:80");
    client_.shuts_down = false;
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.connected; }));
    a_.tcp().on_address_removed(address("fd00::1"), wire_.now());
    EXPECT_FALSE(client_.ended_);
    a_.tcp().on_address_removed(address("10.0.0.1"), wire_.now());
    EXPECT_EQ(client_.failure(), errc::unreachable);
}

TEST_F(TcpLayer, GoesOnWhenTheWayHasRoomAgain) {
    listen("10.0.0.2:80");
    connect(client_, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return client_.connected; }));
    a_.room = 3;
    wire_.run_for(5s);
    EXPECT_FALSE(client_.done());
    for (int i = 0; i < 1000 && !client_.done(); ++i) {
        a_.room = 3;
        a_.tcp().on_writable(wire_.now());
        wire_.run_for(1ms);
    }
    EXPECT_TRUE(client_.done());
}

TEST_F(TcpLayer, CountsWhyPacketsAreDropped) {
    wire_.how().faults.corrupt = 1;
    connect(client_, "10.0.0.2:80");
    wire_.run_for(500ms);
    EXPECT_EQ(drops(b_, tcp_drop::bad_checksum), 1U);
    tcp_packet packet;
    packet.source = address("10.0.0.1");
    packet.destination = address("10.0.0.2");
    packet.bytes = buffer::copy_of("too short");
    packet.checksum_verified = true;
    b_.tcp().receive(packet, wire_.now());
    EXPECT_EQ(drops(b_, tcp_drop::truncated), 1U);
}

TEST_F(TcpLayer, TakesMergedPackets) {
    test_server quiet(wire_, b_.tcp(), 0);
    ASSERT_TRUE(b_.tcp().listen(place("10.0.0.2:80"), {}, quiet, wire_.now()));
    test_program client(wire_, a_.tcp(), 0);
    client.shuts_down = false;
    connect(client, "10.0.0.2:80");
    ASSERT_TRUE(wire_.run_until([&] { return !quiet.programs.empty(); }));
    quiet.programs[0].reads = false;
    tcp_header header;
    header.source_port = client.entry()->key().local_port;
    header.destination_port = 80;
    const tcp_sender& sender = client.entry()->engine().sender();
    header.number = sender.next();
    header.ack = client.entry()->engine().receiver().next();
    header.window = 1000;
    std::array<std::byte, max_tcp_header_size> head{};
    const std::size_t size = write_tcp(header, head);
    const std::string first(reinterpret_cast<const char*>(head.data()), size);
    std::array<buffer, 2> more{buffer::copy_of("456"), buffer::copy_of("789")};
    tcp_packet packet;
    packet.source = address("10.0.0.1");
    packet.destination = address("10.0.0.2");
    packet.bytes = buffer::copy_of(first + "0123");
    packet.more = more;
    packet.last_control = tcp_control::fin;
    packet.checksum_verified = true;
    b_.tcp().receive(packet, wire_.now());
    b_.tcp().end_of_burst(wire_.now());
    tcp_connection& engine = quiet.programs[0].entry()->engine();
    EXPECT_EQ(engine.readable(), 10U);
    std::string all;
    while (engine.readable() > 0) {
        all += engine.read(wire_.now()).view();
    }
    EXPECT_EQ(all, "0123456789");
    EXPECT_TRUE(engine.finished());
}

} // namespace
