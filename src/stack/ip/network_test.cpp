// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/network.hpp"

#include "runnel/core/checksum.hpp"
#include "runnel/stack/link/fault_link.hpp"
#include "test_hosts.hpp"

#include <cstring>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr mac_address mac_a(2, 0, 0, 0, 0, 1);
constexpr mac_address mac_b(2, 0, 0, 0, 0, 2);

/// One host, and the other end of its cable.
class Network : public testing::Test {
protected:
    Network() {
        auto [ours, theirs] = make_memory_pair({}, mac_a, mac_b);
        wire_ = std::move(theirs);
        interface_options options;
        options.ipv6 = false;
        number_ = host_.net.add_interface(std::move(ours), options, now());
        EXPECT_TRUE(host_.net.add_address(number_, test_prefix("10.0.0.1/24"), now()));
        EXPECT_EQ(arps().size(), 1U); // it is announced
    }

    [[nodiscard]] time_point now() const { return lan_.now(); }

    std::vector<frame_ptr> frames() {
        lan_.settle();
        std::vector<frame_ptr> out;
        frame_list come = wire_->receive(1000, now());
        while (!come.empty()) {
            out.push_back(come.pop_front());
        }
        return out;
    }
    std::vector<arp_message> arps() {
        std::vector<arp_message> out;
        for (const frame_ptr& one : frames()) {
            one->remove_prefix(14);
            out.push_back(*parse_arp(one->front(28)));
        }
        return out;
    }
    void put(std::uint16_t type, std::span<const std::byte> payload, mac_address to = mac_a) {
        frame_ptr one = frame::make();
        write_ethernet({to, mac_b, type, {}}, {one->append(14), 14});
        one->add(buffer::copy_of(payload));
        wire_->send(frame_list(std::move(one)), now());
    }
    void put_arp(const arp_message& message) {
        std::array<std::byte, 28> bytes{};
        write_arp(message, bytes);
        put(ether_type::arp, bytes);
    }
    void put_ipv4(ip_header header, std::string_view payload) {
        std::vector<std::byte> bytes(20 + payload.size());
        write_ipv4(header, payload.size(), std::span<std::byte, 20>(bytes.data(), 20));
        std::memcpy(bytes.data() + 20, payload.data(), payload.size());
        put(ether_type::ipv4, bytes);
    }
    static ip_header from_b(std::uint8_t protocol) {
        ip_header header;
        header.source = test_address("10.0.0.2");
        header.destination = test_address("10.0.0.1");
        header.protocol = protocol;
        return header;
    }
    void introduce_b() { host_.net.set_neighbour(number_, test_address("10.0.0.2"), mac_b); }
    [[nodiscard]] std::uint64_t drops(network_drop why) const {
        return host_.net.counters().drops(why);
    }
    static std::string echo_request(std::string_view payload) {
        std::string text("\x08\0\0\0\x12\x34\0\x01", 8);
        text += payload;
        const std::uint16_t sum = internet_checksum(as_bytes(text));
        text[2] = static_cast<char>(sum >> 8U);
        text[3] = static_cast<char>(sum);
        return text;
    }

    test_lan lan_;
    test_host& host_ = lan_.add();
    std::unique_ptr<stack::link> wire_;
    std::uint32_t number_ = 0;
};

TEST_F(Network, AnswersArpForItsAddressAndNoOther) {
    arp_message ask;
    ask.sender_mac = mac_b;
    ask.sender = ipv4_address(10, 0, 0, 2);
    ask.target = ipv4_address(10, 0, 0, 1);
    put_arp(ask);
    const auto answers = arps();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].what, arp_message::kind::reply);
    EXPECT_EQ(answers[0].sender_mac, mac_a);
    EXPECT_EQ(answers[0].sender, ipv4_address(10, 0, 0, 1));
    EXPECT_EQ(answers[0].target_mac, mac_b);
    ask.target = ipv4_address(10, 0, 0, 3);
    put_arp(ask);
    EXPECT_TRUE(arps().empty());
    const auto known = host_.net.neighbours(number_);
    ASSERT_EQ(known.size(), 1U); // who asked will be answered
    EXPECT_EQ(known[0].mac, mac_b);
}

TEST_F(Network, AsksForANeighbourThreeTimesAndGivesUp) {
    test_stream client(lan_, host_.tcp, 0, 1);
    const auto entry = host_.tcp.connect({test_address("10.0.0.9"), 80}, {}, client, now());
    ASSERT_TRUE(entry);
    client.begin(**entry);
    int asked = 0;
    EXPECT_TRUE(lan_.run_until([&] {
        for (const arp_message& one : arps()) {
            EXPECT_EQ(one.target, ipv4_address(10, 0, 0, 9));
            ++asked;
        }
        return client.ended;
    }));
    EXPECT_EQ(asked, 3);
    EXPECT_EQ(client.failure, errc::unreachable);
    EXPECT_EQ(now(), time_point(1003s));
    EXPECT_EQ(drops(network_drop::no_neighbour), 2U); // the SYN and its repetition
    EXPECT_TRUE(host_.net.neighbours(number_).empty());
}

TEST_F(Network, SendsWhatWaitedOnceTheNeighbourAnswers) {
    ASSERT_TRUE(
        host_.net.send_echo(test_address("10.0.0.2"), 1, 1, buffer::copy_of("x"), 64, now()));
    EXPECT_EQ(arps().size(), 1U);
    arp_message reply;
    reply.what = arp_message::kind::reply;
    reply.sender_mac = mac_b;
    reply.sender = ipv4_address(10, 0, 0, 2);
    reply.target_mac = mac_a;
    reply.target = ipv4_address(10, 0, 0, 1);
    put_arp(reply);
    const auto sent = frames();
    ASSERT_EQ(sent.size(), 1U);
    const auto header = parse_ethernet(sent[0]->front(14));
    EXPECT_EQ(header->destination, mac_b);
    EXPECT_EQ(header->type, ether_type::ipv4);
}

TEST_F(Network, KeepsNeighboursSetByHandAndIgnoresRepliesNobodyAskedFor) {
    introduce_b();
    arp_message reply;
    reply.what = arp_message::kind::reply;
    reply.sender_mac = mac_address(2, 9, 9, 9, 9, 9);
    reply.sender = ipv4_address(10, 0, 0, 2);
    reply.target = ipv4_address(10, 0, 0, 1);
    put_arp(reply);
    reply.sender = ipv4_address(10, 0, 0, 7);
    put_arp(reply);
    lan_.settle();
    const auto known = host_.net.neighbours(number_);
    ASSERT_EQ(known.size(), 1U);
    EXPECT_EQ(known[0].mac, mac_b);
    EXPECT_EQ(known[0].state, neighbour_state::permanent);
}

TEST_F(Network, DefendsItsAddressOnceInTenSeconds) {
    arp_message claim;
    claim.sender_mac = mac_b;
    claim.sender = claim.target = ipv4_address(10, 0, 0, 1);
    put_arp(claim);
    put_arp(claim);
    EXPECT_EQ(arps().size(), 1U);
    EXPECT_EQ(host_.net.counters().address_conflicts, 2U);
    lan_.run_for(10s);
    put_arp(claim);
    EXPECT_EQ(arps().size(), 1U);
}

TEST_F(Network, RefusesArpThatCannotBe) {
    std::array<std::byte, 28> bytes{};
    arp_message good;
    good.sender_mac = mac_b;
    write_arp(good, bytes);
    for (const std::size_t place : {0U, 2U, 4U, 5U, 6U}) {
        auto bad = bytes;
        bad[place] = std::byte{0x77};
        put(ether_type::arp, bad);
    }
    put(ether_type::arp, std::span(bytes).first(27));
    lan_.settle();
    EXPECT_EQ(drops(network_drop::bad_arp), 5U);
    EXPECT_EQ(drops(network_drop::truncated), 1U);
}

TEST_F(Network, AnswersEchoWithTheSameBytes) {
    introduce_b();
    put_ipv4(from_b(ip_protocol::icmp), echo_request("abcdef"));
    const auto replies = frames();
    ASSERT_EQ(replies.size(), 1U);
    frame& reply = *replies[0];
    reply.remove_prefix(14);
    ip_header header;
    ASSERT_TRUE(parse_ipv4(reply.front(20), reply.size(), header));
    EXPECT_EQ(header.destination, test_address("10.0.0.2"));
    reply.remove_prefix(20);
    const buffer bytes = reply.take_bytes();
    EXPECT_EQ(internet_checksum(bytes.span()), 0);
    EXPECT_EQ(bytes.data()[0], std::byte{0});
    EXPECT_EQ(bytes.view().substr(4), std::string_view("\x12\x34\0\x01"
                                                       "abcdef",
                                                       10));
    ip_header other = from_b(ip_protocol::icmp);
    other.destination = test_address("10.0.0.3");
    put_ipv4(other, echo_request("abcdef"));
    EXPECT_TRUE(frames().empty());
    EXPECT_EQ(drops(network_drop::not_ours), 1U);
}

TEST_F(Network, DropsPacketsThatAreWrongAndCountsWhy) {
    introduce_b();
    const std::string good = echo_request("abcdef");
    std::string bad = good;
    bad[9] ^= 1;
    put_ipv4(from_b(ip_protocol::icmp), bad);
    std::vector<std::byte> bytes(20);
    write_ipv4(from_b(ip_protocol::icmp), 0, std::span<std::byte, 20>(bytes.data(), 20));
    const auto with = [&](std::size_t place, std::uint8_t value, bool repair) {
        auto changed = bytes;
        changed[place] = std::byte{value};
        if (repair) {
            store_be16(changed.data() + 10, 0);
            store_be16(changed.data() + 10, internet_checksum(changed));
        }
        put(ether_type::ipv4, changed);
    };
    with(8, 1, false);   // TTL: wrong checksum
    with(0, 0x44, true); // a header of 16 bytes
    with(0, 0x65, true); // version 6
    with(3, 19, true);   // shorter than its header
    with(3, 99, true);   // longer than it is
    with(12, 224, true); // from a group
    with(12, 127, true); // from the loopback
    put(ether_type::ipv4, std::span(bytes).first(19));
    put(0x1234, bytes);
    put(ether_type::ipv4, bytes, mac_address(2, 0, 0, 0, 0, 9));
    ip_header own = from_b(ip_protocol::icmp);
    own.source = own.destination;
    put_ipv4(own, good);
    EXPECT_TRUE(frames().empty());
    EXPECT_EQ(drops(network_drop::bad_transport_checksum), 1U);
    EXPECT_EQ(drops(network_drop::bad_ip_checksum), 1U);
    EXPECT_EQ(drops(network_drop::bad_header), 3U);
    EXPECT_EQ(drops(network_drop::truncated), 2U);
    EXPECT_EQ(drops(network_drop::bad_source), 3U);
    EXPECT_EQ(drops(network_drop::unknown_frame), 1U);
    EXPECT_EQ(drops(network_drop::other_machine), 1U);
}

TEST_F(Network, SkipsOptionsAndPadding) {
    introduce_b();
    const std::string request = echo_request("abcdef");
    std::vector<std::byte> bytes(24 + request.size() + 9); // and nine bytes of padding
    write_ipv4(from_b(ip_protocol::icmp), 4 + request.size(),
               std::span<std::byte, 20>(bytes.data(), 20));
    bytes[0] = std::byte{0x46};
    bytes[20] = bytes[21] = bytes[22] = std::byte{1};
    store_be16(bytes.data() + 10, 0);
    store_be16(bytes.data() + 10, internet_checksum(std::span(bytes).first(24)));
    std::memcpy(bytes.data() + 24, request.data(), request.size());
    put(ether_type::ipv4, bytes);
    const auto replies = frames();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0]->size(), 14U + 20U + request.size());
}

TEST_F(Network, SaysThatAProtocolIsUnknownAndLimitsIt) {
    introduce_b();
    for (int i = 0; i < 60; ++i) {
        put_ipv4(from_b(99), "what is this?");
    }
    const auto errors = frames();
    EXPECT_EQ(errors.size(), 50U);
    EXPECT_EQ(host_.net.counters().icmp_withheld, 10U);
    frame& first = *errors[0];
    first.remove_prefix(34);
    const buffer bytes = first.take_bytes();
    EXPECT_EQ(internet_checksum(bytes.span()), 0);
    EXPECT_EQ(bytes.data()[0], std::byte{3});
    EXPECT_EQ(bytes.data()[1], std::byte{2});
    EXPECT_TRUE(bytes.view().ends_with("what is this?"));
}

TEST_F(Network, PutsFragmentsTogetherInAnyOrderAndAnswersInFragments) {
    introduce_b();
    const std::string request = echo_request(std::string(4000, 'x'));
    ip_header header = from_b(ip_protocol::icmp);
    header.identification = 7;
    for (const std::size_t at : {2000U, 0U, 1000U, 3000U, 4000U}) {
        header.fragment_offset = static_cast<std::uint32_t>(at);
        header.more_fragments = at != 4000;
        EXPECT_TRUE(frames().empty());
        put_ipv4(header, std::string_view(request).substr(at, 1000));
    }
    const auto replies = frames();
    ASSERT_EQ(replies.size(), 3U);
    EXPECT_EQ(host_.net.counters().reassembled, 1U);
    EXPECT_EQ(host_.net.counters().fragments_sent, 3U);
    std::size_t total = 0;
    for (const frame_ptr& one : replies) {
        one->remove_prefix(14);
        ip_header part;
        ASSERT_TRUE(parse_ipv4(one->front(20), one->size(), part));
        EXPECT_EQ(part.fragment_offset, total);
        total += part.total_size - 20;
        EXPECT_EQ(part.more_fragments, total != request.size());
    }
}

TEST_F(Network, BelievesASmallerPathMtuOnlyOfPathsItUses) {
    introduce_b();
    const auto too_big = [&](std::string_view about, std::uint16_t mtu) {
        std::string message("\x03\x04\0\0\0\0\0\0", 8);
        message[6] = static_cast<char>(mtu >> 8U);
        message[7] = static_cast<char>(mtu);
        ip_header quoted;
        quoted.source = test_address("10.0.0.1");
        quoted.destination = test_address(about);
        quoted.protocol = ip_protocol::tcp;
        std::array<std::byte, 20> ip{};
        write_ipv4(quoted, 1480, ip);
        message.append(reinterpret_cast<const char*>(ip.data()), ip.size());
        message.append(8, '\0');
        const std::uint16_t sum = internet_checksum(as_bytes(message));
        message[2] = static_cast<char>(sum >> 8U);
        message[3] = static_cast<char>(sum);
        put_ipv4(from_b(ip_protocol::icmp), message);
        lan_.settle();
    };
    const auto mtu = [&](std::string_view to) {
        return host_.net.way(test_address("10.0.0.1"), test_address(to)).mtu;
    };
    too_big("10.0.0.2", 1000);
    EXPECT_EQ(mtu("10.0.0.2"), 1500U); // nothing was sent there
    ASSERT_TRUE(host_.net.send_echo(test_address("10.0.0.2"), 1, 1, {}, 64, now()));
    too_big("10.0.0.2", 1000);
    EXPECT_EQ(mtu("10.0.0.2"), 1000U);
    too_big("10.0.0.2", 1400); // never larger
    EXPECT_EQ(mtu("10.0.0.2"), 1000U);
    too_big("10.0.0.2", 68); // nor absurd
    EXPECT_EQ(mtu("10.0.0.2"), 552U);
    lan_.run_for(11min); // it may have changed
    EXPECT_EQ(mtu("10.0.0.2"), 1500U);
    EXPECT_EQ(mtu("10.0.0.3"), 1500U);
}

/// Two hosts on one cable.
struct two_hosts {
    explicit two_hosts(const memory_link_options& options, const link_faults& faults = {},
                       std::uint64_t seed = 1) {
        auto [one, two] = make_memory_pair(options, mac_a, mac_b);
        std::unique_ptr<stack::link> first = std::move(one);
        if (seed != 0) {
            first = fault_link::make(std::move(first), faults, faults, seed);
        }
        a.net.add_interface(std::move(first), {}, lan.now());
        b.net.add_interface(std::move(two), {}, lan.now());
        for (const char* prefix : {"10.0.0.1/24", "fd00::1/64"}) {
            EXPECT_TRUE(a.net.add_address(1, test_prefix(prefix), lan.now()));
        }
        for (const char* prefix : {"10.0.0.2/24", "fd00::2/64"}) {
            EXPECT_TRUE(b.net.add_address(1, test_prefix(prefix), lan.now()));
        }
        lan.run_for(2s); // IPv6 makes sure that nobody else has the addresses
    }

    /// A transfer both ways.
    void transfer(std::string_view to, std::uint64_t size) {
        test_listener server(lan, b, size);
        tcp_port& port = **b.tcp.listen({test_address(to), 80}, {}, server, lan.now());
        test_stream client(lan, a.tcp, size, 1);
        const auto entry = a.tcp.connect({test_address(to), 80}, {}, client, lan.now());
        ASSERT_TRUE(entry) << entry.error().message();
        client.begin(**entry);
        ASSERT_TRUE(lan.run_until([&] {
            return client.ended && !server.streams.empty() && server.streams.back().ended;
        })) << client.read
            << " of " << size;
        EXPECT_EQ(client.failure, std::nullopt);
        EXPECT_EQ(client.read, size);
        EXPECT_EQ(server.streams.back().read, size);
        EXPECT_TRUE(client.right && server.streams.back().right);
        b.tcp.unlisten(port, lan.now());
    }

    test_lan lan;
    test_host& a = lan.add();
    test_host& b = lan.add();
};

class Transfer : public testing::TestWithParam<std::tuple<const char*, std::uint32_t, int>> {};

TEST_P(Transfer, IsExactWhateverTheLinkDoesItself) {
    const auto [to, mtu, offloads] = GetParam();
    memory_link_options options;
    options.mtu = mtu;
    options.capabilities.checksum = (offloads & 1) != 0;
    options.capabilities.segment_tcp_v4 = (offloads & 2) != 0;
    options.capabilities.segment_tcp_v6 = (offloads & 4) != 0;
    two_hosts hosts(options, {}, 0);
    hosts.transfer(to, 2'000'000);
    EXPECT_GT(hosts.a.net.counters().packets_merged + hosts.b.net.counters().packets_merged,
              offloads == 0 ? 100U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Links, Transfer,
                         testing::Combine(testing::Values("10.0.0.2", "fd00::2"),
                                          testing::Values(1280U, 1500U, 9000U, 65535U),
                                          testing::Values(0, 1, 7)));

TEST(TransferOverBadLinks, IsExactUnderEveryFault) {
    std::uint64_t refused = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        link_faults faults;
        faults.delay = 5ms;
        faults.jitter = 3ms;
        faults.loss = seed % 2 == 0 ? 0.02 : 0;
        faults.burst_begin = seed % 3 == 0 ? 0.002 : 0;
        faults.burst_end = 0.3;
        faults.reorder = 0.01;
        faults.reorder_delay = 4ms;
        faults.duplicate = 0.01;
        faults.corrupt = 0.01;
        faults.rate = seed % 4 == 0 ? 100'000'000 : 0;
        faults.queue_limit = 100'000;
        two_hosts hosts({}, faults, seed);
        hosts.transfer(seed % 2 == 0 ? "10.0.0.2" : "fd00::2", 300'000);
        for (const test_host* one : {&hosts.a, &hosts.b}) {
            refused += one->net.counters().drops(network_drop::bad_transport_checksum);
        }
    }
    EXPECT_GT(refused, 0U);
}

TEST(Ping, ReachesOthersAndOurselvesInBothFamilies) {
    two_hosts hosts({});
    std::uint16_t number = 0;
    for (const char* to : {"10.0.0.2", "fd00::2", "10.0.0.1", "127.0.0.1", "::1"}) {
        for (const std::size_t size : {0U, 56U, 5000U, 60'000U}) {
            hosts.a.echoes.clear();
            ASSERT_TRUE(hosts.a.net.send_echo(test_address(to), 77, ++number,
                                              buffer::copy_of(std::string(size, 'p')), 64,
                                              hosts.lan.now()));
            ASSERT_TRUE(hosts.lan.run_until([&] { return !hosts.a.echoes.empty(); }, 10s))
                << to << " " << size;
            EXPECT_EQ(hosts.a.echoes[0].number, number);
            EXPECT_EQ(hosts.a.echoes[0].payload.size(), size);
            EXPECT_EQ(hosts.a.echoes[0].from, test_address(to));
        }
    }
}

TEST(Ipv6, MakesSureThatNobodyHasAnAddressBeforeItIsUsed) {
    test_lan lan;
    test_host& a = lan.add();
    test_host& b = lan.add();
    auto [one, two] = make_memory_pair({}, mac_a, mac_b);
    a.net.add_interface(std::move(one), {}, lan.now());
    b.net.add_interface(std::move(two), {}, lan.now());
    ASSERT_TRUE(a.net.add_address(1, test_prefix("fd00::1/64"), lan.now()));
    EXPECT_FALSE(a.net.is_ours(test_address("fd00::1")));
    lan.run_for(1500ms);
    EXPECT_TRUE(a.net.is_ours(test_address("fd00::1")));
    ASSERT_TRUE(b.net.add_address(1, test_prefix("fd00::1/64"), lan.now()));
    lan.run_for(1500ms);
    EXPECT_FALSE(b.net.is_ours(test_address("fd00::1")));
    EXPECT_EQ(b.net.addresses().back().state, address_state::duplicate);
    EXPECT_TRUE(a.net.is_ours(test_address("fd00::1")));
}

} // namespace
