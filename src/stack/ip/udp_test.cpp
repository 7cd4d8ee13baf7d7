// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/udp_socket.hpp"

#include "runnel/core/checksum.hpp"
#include "test_wire.hpp"

#include <cstring>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr mac_address mac_a(2, 0, 0, 0, 0, 1);
constexpr mac_address mac_b(2, 0, 0, 0, 0, 2);

/// Two hosts on one cable, with addresses of both families.
class Udp : public testing::Test {
protected:
    Udp() {
        auto [one, two] = make_memory_pair({}, mac_a, mac_b);
        a_.net.add_interface(std::move(one), {}, lan_.now());
        b_.net.add_interface(std::move(two), {}, lan_.now());
        for (const auto& [host, end] : {std::pair{&a_, '1'}, {&b_, '2'}}) {
            for (const std::string start : {"10.0.0.", "fd00::"}) {
                const std::string text = start + end + (start.size() == 7 ? "/24" : "/64");
                EXPECT_TRUE(host->net.add_address(1, test_prefix(text), lan_.now()));
            }
        }
        lan_.run_for(2s);
    }

    [[nodiscard]] static ip_endpoint at(std::string_view text) { return *ip_endpoint::parse(text); }
    [[nodiscard]] std::unique_ptr<udp_socket> open(test_host& host, std::string_view place,
                                                   const udp_options& options = {}) {
        auto socket = host.net.open_udp(at(place), options);
        EXPECT_TRUE(socket) << socket.error().message();
        return std::move(*socket);
    }
    [[nodiscard]] std::string next(udp_socket& socket) {
        lan_.run_for(1ms);
        auto got = socket.receive();
        return !got                ? "error: " + got.error().message()
               : !got->has_value() ? "nothing"
                                   : std::string((*got)->payload.view());
    }
    void say(udp_socket& from, std::string_view to, std::string_view text) {
        const auto sent = from.send_to(at(to), buffer::copy_of(text), lan_.now());
        EXPECT_TRUE(sent) << sent.error().message();
    }

    test_lan lan_;
    test_host& a_ = lan_.add();
    test_host& b_ = lan_.add();
};

TEST_F(Udp, CarriesDatagramsOfEverySizeInBothFamilies) {
    for (const std::string host : {"10.0.0.2", "[fd00::2]"}) {
        const bool v6 = host.front() == '[';
        const auto server = open(b_, host + ":53");
        const auto client = open(a_, v6 ? "[::]:0" : "0.0.0.0:0");
        for (const std::size_t size : {0U, 1U, 512U, 1472U, 1473U, 9001U, 65'507U}) {
            const std::string text(size, 'd');
            say(*client, host + ":53", text);
            lan_.run_for(1ms);
            auto got = server->receive();
            ASSERT_TRUE(got && *got) << size;
            EXPECT_EQ((*got)->payload.view(), text);
            EXPECT_EQ((*got)->source.port(), client->local().port());
            ASSERT_TRUE(server->send_to((*got)->source, buffer::copy_of("answer"), lan_.now()));
            EXPECT_EQ(next(*client), "answer");
        }
        const std::string large(65'528, 'x');
        EXPECT_EQ(client->send_to(at(host + ":53"), buffer::copy_of(large), lan_.now()).error(),
                  errc::limit_exceeded);
    }
}

TEST_F(Udp, TellsAConnectedSocketThatNobodyListens) {
    for (const char* to : {"10.0.0.2:9", "[fd00::2]:9"}) {
        const auto client = open(a_, *to == '[' ? "[::]:0" : "0.0.0.0:0");
        ASSERT_TRUE(client->connect(at(to)));
        ASSERT_TRUE(client->send(buffer::copy_of("x"), lan_.now()));
        lan_.run_for(1ms);
        EXPECT_EQ(client->receive().error(), errc::refused);
        EXPECT_EQ(next(*client), "nothing"); // told once
        say(*client, to, "x");
        lan_.run_for(1ms);
        EXPECT_EQ(client->send(buffer::copy_of("x"), lan_.now()).error(), errc::refused);
    }
    const auto unconnected = open(a_, "0.0.0.0:0");
    say(*unconnected, "10.0.0.2:9", "x");
    EXPECT_EQ(next(*unconnected), "nothing");
}

TEST_F(Udp, HandsADatagramToTheSocketThatFitsBest) {
    const auto any = open(b_, "0.0.0.0:53");
    EXPECT_EQ(b_.net.open_udp(at("10.0.0.2:53")).error(), errc::address_in_use);
    const auto other_family = open(b_, "[::]:53");
    const auto client = open(a_, "10.0.0.1:1000");
    const auto stranger = open(a_, "10.0.0.1:1001");
    say(*client, "10.0.0.2:53", "one");
    EXPECT_EQ(next(*any), "one");
    ASSERT_TRUE(any->connect(at("10.0.0.1:1000")));
    say(*stranger, "10.0.0.2:53", "two");
    say(*client, "10.0.0.2:53", "three");
    EXPECT_EQ(next(*any), "three");
    EXPECT_EQ(next(*any), "nothing");
    EXPECT_EQ(next(*other_family), "nothing");
}

TEST_F(Udp, ReachesGroupsThatWereJoinedAndEverybody) {
    for (const std::string group : {"239.1.2.3", "ff02::1234"}) {
        const bool v6 = group.front() == 'f';
        const std::string to = v6 ? "[" + group + "]:99" : group + ":99";
        const auto listener = open(b_, v6 ? "[::]:99" : "0.0.0.0:99");
        udp_options over;
        over.interface = 1;
        const auto sender = open(a_, v6 ? "[fd00::1]:0" : "10.0.0.1:0", over);
        say(*sender, to, "too early");
        EXPECT_EQ(next(*listener), "nothing");
        ASSERT_TRUE(listener->join(test_address(group), 1));
        say(*sender, to, "hello");
        EXPECT_EQ(next(*listener), "hello");
        listener->leave(test_address(group), 1);
        say(*sender, to, "too late");
        EXPECT_EQ(next(*listener), "nothing");
        EXPECT_EQ(listener->join(test_address("10.0.0.2"), 1).error(), errc::invalid_argument);
    }
    const auto listener = open(b_, "0.0.0.0:98");
    const auto sender = open(a_, "10.0.0.1:0");
    say(*sender, "10.0.0.255:98", "all");
    EXPECT_EQ(next(*listener), "all");
}

TEST_F(Udp, HoldsABoundedNumberOfDatagrams) {
    udp_options few;
    few.queue = 3;
    const auto server = open(b_, "10.0.0.2:53", few);
    const auto client = open(a_, "0.0.0.0:0");
    for (int i = 0; i < 10; ++i) {
        say(*client, "10.0.0.2:53", std::to_string(i));
    }
    EXPECT_EQ(next(*server), "0");
    EXPECT_EQ(b_.net.counters().drops(network_drop::socket_full), 7U);
}

TEST_F(Udp, FailsWhereThereIsNoWay) {
    const auto client = open(a_, "0.0.0.0:0");
    EXPECT_EQ(client->send_to(at("192.0.2.1:9"), {}, lan_.now()).error(), errc::unreachable);
    EXPECT_EQ(client->send_to(at("[fd00::2]:9"), {}, lan_.now()).error(), errc::invalid_argument);
    EXPECT_EQ(client->send({}, lan_.now()).error(), errc::invalid_argument);
    EXPECT_EQ(a_.net.open_udp(at("10.0.0.9:1")).error(), errc::unreachable);
}

TEST(UdpPackets, AreVerifiedUnlessTheyHaveNoChecksum) {
    test_lan lan;
    test_host& host = lan.add();
    auto [ours, theirs] = make_memory_pair({}, mac_a, mac_b);
    host.net.add_interface(std::move(ours), {}, lan.now());
    ASSERT_TRUE(host.net.add_address(1, test_prefix("10.0.0.1/24"), lan.now()));
    const auto server = host.net.open_udp(*ip_endpoint::parse("10.0.0.1:53"));
    const auto put = [&](std::uint16_t length, int checksum_change) {
        std::vector<std::byte> bytes(20 + 8 + 5);
        ip_header header;
        header.source = test_address("10.0.0.2");
        header.destination = test_address("10.0.0.1");
        header.protocol = ip_protocol::udp;
        write_ipv4(header, 13, std::span<std::byte, 20>(bytes.data(), 20));
        store_be16(bytes.data() + 22 + 0, 53);
        store_be16(bytes.data() + 24, length);
        std::memcpy(bytes.data() + 28, "hello", 5);
        checksum sum = checksum::pseudo_header(header.source.v4(), header.destination.v4(), 17, 13);
        sum.add(std::span(bytes).subspan(20));
        store_be16(bytes.data() + 26, checksum_change < 0 ? std::uint16_t{0}
                                                          : static_cast<std::uint16_t>(
                                                                sum.udp_value() + checksum_change));
        frame_ptr one = frame::make();
        write_ethernet({mac_a, mac_b, ether_type::ipv4, {}}, {one->append(14), 14});
        one->add(buffer::copy_of(bytes));
        theirs->send(frame_list(std::move(one)), lan.now());
        lan.settle();
        auto got = (*server)->receive();
        return got && *got;
    };
    EXPECT_TRUE(put(13, 0));
    EXPECT_FALSE(put(13, 1));
    EXPECT_TRUE(put(13, -1));
    EXPECT_FALSE(put(14, -1));
    EXPECT_FALSE(put(7, -1));
    EXPECT_EQ(host.net.counters().drops(network_drop::bad_transport_checksum), 1U);
    EXPECT_EQ(host.net.counters().drops(network_drop::bad_header), 2U);
}

TEST(UdpPackets, NeverLookAsIfTheyHadNoChecksum) {
    interface_options options;
    options.ipv6 = false;
    test_wire wire(options);
    ASSERT_TRUE(wire.host.net.add_address(1, test_prefix("10.0.0.1/24"), wire.lan.now()));
    wire.host.net.set_neighbour(1, test_address("10.0.0.2"), wire_mac_b);
    const auto socket = wire.host.net.open_udp(*ip_endpoint::parse("10.0.0.1:1000"));
    const auto checksum_of = [&](std::uint16_t word) {
        std::array<std::byte, 2> bytes{};
        store_be16(bytes.data(), word);
        (void)wire.frames();
        EXPECT_TRUE((*socket)->send_to(*ip_endpoint::parse("10.0.0.2:53"), buffer::copy_of(bytes),
                                       wire.lan.now()));
        auto sent = wire.frames();
        return sent.size() == 1 ? load_be16(sent[0]->front(42).data() + 40) : std::uint16_t{0};
    };
    // The sum of all words with their complement is zero, for which its complement stands (RFC
    // 768).
    const std::uint16_t complement = checksum_of(0);
    EXPECT_NE(complement, 0);
    EXPECT_EQ(checksum_of(complement), 0xffff);
}

} // namespace
