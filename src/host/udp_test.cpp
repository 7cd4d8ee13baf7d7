// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/udp.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/when.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace runnel::host_test {
namespace {

using namespace std::chrono_literals;
using host::datagram;
using host::udp_options;
using host::udp_socket;
using host::udp_socket_ptr;

class UdpTest : public BackendTest {
protected:
    static udp_socket_ptr open(udp_options options = {}) {
        auto made = udp_socket::bind(loopback(), options);
        EXPECT_TRUE(made) << (made ? "" : made.error().message());
        return std::move(*made);
    }
};

TEST_P(UdpTest, ADatagramArrivesWithThePeerAndTheAddressItCameTo) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open();
        const auto sent = co_await a->send(datagram(b->local(), buffer::copy_of("hello")));
        EXPECT_TRUE(sent);
        const auto got = co_await b->receive();
        EXPECT_TRUE(got);
        if (got) {
            EXPECT_EQ(got->payload.view(), "hello");
            EXPECT_EQ(got->peer, a->local());
            EXPECT_EQ(got->local, ip_address(ipv4_address::loopback()));
            EXPECT_EQ(got->segment_size, 0U);
        }
    });
}

TEST_P(UdpTest, EmptyAndLongestDatagramsKeepTheirSizes) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open();
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, udp_socket::longest_payload}) {
            const auto sent = co_await a->send(datagram(b->local(), buffer::allocate(size)));
            EXPECT_TRUE(sent);
            const auto got = co_await b->receive();
            EXPECT_TRUE(got && got->payload.size() == size) << size;
        }
        const auto sent = co_await a->send(
            datagram(b->local(), buffer::allocate(udp_socket::longest_payload + 1)));
        EXPECT_TRUE(!sent && sent.error() == errc::limit_exceeded);
    });
}

TEST_P(UdpTest, ABatchArrivesInOrderInFewCalls) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open();
        std::vector<datagram> out;
        for (int i = 0; i < 40; ++i) {
            out.emplace_back(b->local(), buffer::copy_of(std::to_string(i)));
        }
        const auto sent = co_await a->send_many(out);
        EXPECT_TRUE(sent && *sent == out.size());
        int calls = 0;
        for (std::size_t count = 0; count < out.size(); ++calls) {
            std::array<datagram, udp_socket::batch> in;
            const auto got = co_await b->receive_many(in);
            EXPECT_TRUE(got);
            if (!got) {
                co_return;
            }
            for (std::size_t i = 0; i < *got; ++i) {
                EXPECT_EQ(in.at(i).payload.view(), std::to_string(count++));
            }
        }
        EXPECT_LE(calls, 3);
    });
}

TEST_P(UdpTest, ASegmentedSendArrivesAsDatagramsOfThatSize) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open({.receive_joined = false});
        const auto sent = co_await a->send(datagram(b->local(), buffer::allocate(2500), 1000));
        EXPECT_TRUE(sent) << (sent ? "" : sent.error().message());
        for (const std::size_t size : {1000U, 1000U, 500U}) {
            const auto got = co_await b->receive();
            EXPECT_TRUE(got && got->payload.size() == size && got->segment_size == 0);
        }
    });
}

TEST_P(UdpTest, AReceiverThatTakesJoinedDatagramsIsToldTheirSize) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open();
        const auto sent = co_await a->send(datagram(b->local(), buffer::allocate(2500), 1000));
        EXPECT_TRUE(sent);
        std::size_t bytes = 0;
        while (bytes < 2500) {
            const auto got = co_await b->receive();
            EXPECT_TRUE(got);
            if (!got) {
                co_return;
            }
            if (got->payload.size() > 1000) {
                EXPECT_EQ(got->segment_size, 1000U);
            }
            bytes += got->payload.size();
        }
        EXPECT_EQ(bytes, 2500U);
    });
}

TEST_P(UdpTest, AClosedPortIsReportedWithItsAddressAndTheSocketGoesOn) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const ip_endpoint closed = open()->local();
        EXPECT_TRUE(co_await a->send(datagram(closed, buffer::copy_of("anybody?"))));
        const auto got = co_await with_timeout(5s, a->receive());
        EXPECT_TRUE(!got && got.error() == errc::refused);
        EXPECT_EQ(got.error().text(), "udp://" + closed.to_string());
        const udp_socket_ptr b = open();
        EXPECT_TRUE(co_await b->send(datagram(a->local(), buffer::copy_of("me"))));
        const auto next = co_await with_timeout(5s, a->receive());
        EXPECT_TRUE(next && next->payload.view() == "me");
    });
}

TEST_P(UdpTest, AConnectedSocketHearsItsPeerOnly) {
    run([]() -> task<void> {
        const udp_socket_ptr server = open();
        auto made = udp_socket::connect(server->local());
        EXPECT_TRUE(made);
        const udp_socket_ptr client = std::move(*made);
        EXPECT_EQ(client->remote(), server->local());
        const udp_socket_ptr stranger = open();
        EXPECT_TRUE(co_await stranger->send(datagram(client->local(), buffer::copy_of("noise"))));
        EXPECT_TRUE(co_await client->send(datagram({}, buffer::copy_of("question"))));
        const auto question = co_await server->receive();
        EXPECT_TRUE(question && question->payload.view() == "question");
        EXPECT_TRUE(co_await server->send(datagram(question->peer, buffer::copy_of("answer"))));
        const auto answer = co_await client->receive();
        EXPECT_TRUE(answer && answer->payload.view() == "answer");
    });
}

TEST_P(UdpTest, ACancelledReceiveLosesNothingAndASecondOneIsBusy) {
    run([]() -> task<void> {
        const udp_socket_ptr a = open();
        const udp_socket_ptr b = open();
        const auto late = co_await with_timeout(1ms, b->receive());
        EXPECT_TRUE(!late && late.error() == errc::timed_out);
        auto both = co_await when_any(b->receive(), b->receive());
        EXPECT_EQ(both.index, 1U);
        EXPECT_TRUE(co_await a->send(datagram(b->local(), buffer::copy_of("kept"))));
        const auto got = co_await b->receive();
        EXPECT_TRUE(got && got->payload.view() == "kept");
    });
}

TEST_P(UdpTest, AnIpv6SocketTalksToBothFamilies) {
    run([]() -> task<void> {
        auto made = udp_socket::bind(ip_endpoint(ipv6_address::any(), 0));
        if (!made) {
            co_return; // a machine without IPv6
        }
        const udp_socket_ptr both = std::move(*made);
        const udp_socket_ptr v4 = open();
        const ip_endpoint there = loopback(both->local().port());
        EXPECT_TRUE(co_await v4->send(datagram(there, buffer::copy_of("four"))));
        const auto got = co_await both->receive();
        EXPECT_TRUE(got && got->peer == v4->local());
        EXPECT_TRUE(co_await both->send(datagram(got->peer, buffer::copy_of("back"))));
        const auto back = co_await v4->receive();
        EXPECT_TRUE(back && back->payload.view() == "back");
    });
}

TEST_P(UdpTest, ErrorsOfOpeningNameTheAddress) {
    run([]() -> task<void> {
        const udp_socket_ptr first = open();
        const auto again = udp_socket::bind(first->local());
        EXPECT_TRUE(!again && again.error() == errc::address_in_use);
        EXPECT_EQ(again.error().text(), "bind udp://" + first->local().to_string());
        const auto foreign = udp_socket::bind(ip_endpoint(ipv4_address(192, 0, 2, 1), 0));
        EXPECT_TRUE(!foreign && foreign.error() == errc::unreachable);
        co_return;
    });
}

INSTANTIATE_TEST_SUITE_P(Backends, UdpTest, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host_test
