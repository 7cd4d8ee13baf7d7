// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/dhcpv6_client.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/core/checksum.hpp"
#include "runnel/stack/ip/ip_wire.hpp"
#include "runnel/stack/ip_stack.hpp"
#include "runnel/stack/link/memory_link.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr mac_address mac(2, 0, 0, 0, 0, 1);
const ip_address one_server = *ip_address::parse("fd01::53");

using bytes = std::vector<std::byte>;

void put(bytes& into, std::uint16_t code, const bytes& value) {
    bytes head(4);
    store_be16(head.data(), code);
    store_be16(head.data() + 2, static_cast<std::uint16_t>(value.size()));
    into.insert(into.end(), head.begin(), head.end());
    into.insert(into.end(), value.begin(), value.end());
}

bytes number(std::uint32_t value) {
    bytes out(4);
    store_be32(out.data(), value);
    return out;
}

/// The answer to a question: its client's name, a server's, and name servers.
bytes answer_to(std::span<const std::byte> question, std::initializer_list<ip_address> servers,
                std::uint32_t refresh = 3600) {
    bytes out(question.begin(), question.begin() + 4);
    out[0] = std::byte{7};
    put(out, 1, bytes(question.begin() + 8, question.begin() + 18));
    put(out, 2, bytes(10, std::byte{1}));
    bytes list;
    for (const ip_address& one : servers) {
        list.insert(list.end(), one.v6().bytes().begin(), one.v6().bytes().end());
    }
    put(out, 23, list);
    put(out, 32, number(refresh));
    return out;
}

class Dhcpv6Client : public testing::Test {
protected:
    bytes asked() {
        now_ = client_.deadline();
        client_.advance(now_);
        const auto message = client_.next_message();
        return message ? bytes(message->span().begin(), message->span().end()) : bytes();
    }
    time_point now_ = time_point(1000s);
    dhcpv6_client client_{mac, 5};
};

TEST_F(Dhcpv6Client, AsksWithinASecondAndTakesTheAnswer) {
    EXPECT_EQ(client_.deadline(), never);
    client_.start(now_);
    EXPECT_LE(client_.deadline(), now_ + 1s);
    const bytes question = asked();
    ASSERT_GT(question.size(), 18U);
    EXPECT_EQ(question[0], std::byte{11});
    EXPECT_EQ(load_be32(question.data() + 4), 0x0001'000aU); // its name, of ten bytes
    EXPECT_EQ(load_be32(question.data() + 8), 0x0003'0001U); // by the address of the link
    EXPECT_EQ(std::memcmp(question.data() + 12, mac.bytes().data(), 6), 0);
    client_.received(answer_to(question, {one_server}), now_);
    EXPECT_EQ(client_.name_servers(), std::vector<ip_address>{one_server});
    EXPECT_EQ(client_.deadline(), now_ + 1h); // then it asks again
    const bytes next = asked();
    EXPECT_NE(load_be32(next.data()), load_be32(question.data()));
    client_.received(answer_to(next, {}), now_);
    EXPECT_TRUE(client_.name_servers().empty());
}

TEST_F(Dhcpv6Client, RepeatsItsQuestionMoreAndMoreSeldom) {
    client_.start(now_);
    const bytes first = asked();
    duration before = client_.deadline() - now_;
    EXPECT_GE(before, 900ms);
    EXPECT_LE(before, 1100ms);
    for (int i = 0; i < 20; ++i) {
        const bytes again = asked();
        EXPECT_EQ(load_be32(again.data()), load_be32(first.data()));
        const duration wait = client_.deadline() - now_;
        EXPECT_GE(wait, std::min<duration>(before * 18 / 10, 3240s));
        EXPECT_LE(wait, 3960s);
        before = wait;
    }
}

TEST_F(Dhcpv6Client, IgnoresAnswersThatAreNotForIt) {
    client_.start(now_);
    const bytes question = asked();
    const bytes good = answer_to(question, {one_server});
    client_.received(std::span(good).first(3), now_);
    client_.received(std::span(good).first(good.size() - 1), now_);
    for (const std::size_t place : {0U, 1U, 3U, 17U}) { // kind, number, and its name
        bytes bad = good;
        bad[place] ^= std::byte{1};
        client_.received(bad, now_);
    }
    bytes nameless(good.begin(), good.begin() + 18); // of no server
    client_.received(nameless, now_);
    bytes odd = nameless;
    put(odd, 2, bytes(10));
    put(odd, 23, bytes(17)); // one name server and a bit
    client_.received(odd, now_);
    EXPECT_TRUE(client_.name_servers().empty());
    client_.received(good, now_);
    EXPECT_EQ(client_.name_servers().size(), 1U);
}

TEST_F(Dhcpv6Client, BoundsWhatServersSay) {
    client_.start(now_);
    const bytes question = asked();
    bytes many = answer_to(question, {}, 1);
    bytes list;
    for (int i = 0; i < 50; ++i) {
        const ipv6_address server(0xfd01'0000'0000'0000, 1U + static_cast<unsigned>(i));
        const auto& one = server.bytes();
        list.insert(list.end(), one.begin(), one.end());
    }
    put(many, 23, list);
    client_.received(many, now_);
    EXPECT_EQ(client_.name_servers().size(), dhcpv6_client::max_servers);
    EXPECT_EQ(client_.deadline(), now_ + 600s); // not every second
}

/// The other end of a stack's cable.
class router {
public:
    explicit router(std::unique_ptr<stack::link> end) : end_(std::move(end)) {}

    void send(const ip_header& ip, bytes transport, std::size_t checksum_at) {
        checksum sum = checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), ip.protocol,
                                               static_cast<std::uint32_t>(transport.size()));
        sum.add(transport);
        store_be16(transport.data() + checksum_at, sum.udp_value());
        frame_ptr one = frame::make();
        std::byte* const head = one->append(54);
        write_ethernet({mac, mac_address(2, 0, 0, 0, 0, 9), ether_type::ipv6, {}}, {head, 14});
        write_ipv6(ip, 0, transport.size(), std::span<std::byte, 40>(head + 14, 40));
        one->add(buffer::copy_of(transport));
        end_->send(frame_list(std::move(one)), loop::current().now());
    }
    void advertise() {
        ip_header ip;
        ip.source = *ip_address::parse("fe80::9");
        ip.destination = ipv6_address::all_nodes();
        ip.protocol = ip_protocol::icmpv6;
        ip.hop_limit = 255;
        bytes message(16);
        message[0] = std::byte{134};
        message[5] = std::byte{0x40}; // DHCPv6 knows more
        send(ip, message, 2);
    }
    /// Answers all questions that came. Gives how many there were.
    int answer() {
        int count = 0;
        frame_list come = end_->receive(1000, loop::current().now());
        while (!come.empty()) {
            const buffer whole = come.pop_front()->take_bytes();
            const auto packet = whole.span();
            if (packet.size() < 66 || packet[20] != std::byte{17} ||
                load_be16(packet.data() + 56) != dhcpv6_client::server_port) {
                continue;
            }
            ++count;
            ip_header ip;
            ip.source = *ip_address::parse("fe80::9");
            ip.destination = ipv6_address(packet.subspan<22, 16>());
            ip.protocol = ip_protocol::udp;
            bytes udp(8);
            store_be16(udp.data(), dhcpv6_client::server_port);
            store_be16(udp.data() + 2, dhcpv6_client::client_port);
            const bytes text = answer_to(packet.subspan(62), {one_server});
            udp.insert(udp.end(), text.begin(), text.end());
            store_be16(udp.data() + 4, static_cast<std::uint16_t>(udp.size()));
            send(ip, udp, 6);
        }
        return count;
    }

private:
    std::unique_ptr<stack::link> end_;
};

TEST(Dhcpv6Stack, AsksForNameServersWhenARouterSaysSo) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([]() -> task<void> {
        auto [ours, theirs] = make_memory_pair({}, mac, mac_address(2, 0, 0, 0, 0, 9));
        router peer(std::move(theirs));
        ip_stack own;
        const std::uint32_t number = own.net().add_interface(std::move(ours), {}, own.now());
        EXPECT_TRUE(own.start_dhcpv6(number));
        EXPECT_EQ(own.start_dhcpv6(9).error(), errc::invalid_argument);
        own.arm();
        co_await sleep_for(10s);
        EXPECT_EQ(peer.answer(), 0); // nobody said that there is something
        peer.advertise();
        co_await sleep_for(1500ms);
        EXPECT_GE(peer.answer(), 1);
        co_await sleep_for(1ms);
        EXPECT_EQ(own.name_servers(), std::vector<ip_address>{one_server});
    }());
}

} // namespace
