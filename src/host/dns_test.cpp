// SPDX-License-Identifier: Apache-2.0
//
// Name servers on the loopback, of a few lines each, and who asks them.

#include "runnel/host/dns.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/dns_error.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/udp.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <thread>

using namespace std::chrono_literals;

namespace runnel {
namespace {

using host_test::loopback;

constexpr std::uint16_t plain_answer = 0x8180; // a response, recursive
constexpr std::uint16_t truncated = 0x0200;
constexpr std::uint16_t no_such_name = 3;

std::uint16_t type_of(std::span<const std::byte> query) {
    std::size_t at = 12;
    while (query[at] != std::byte{0}) {
        at += std::to_integer<std::size_t>(query[at]) + 1;
    }
    return load_be16(query, at + 1);
}

/// A response to `query` with these flags, and if there is no reason not to, an address.
buffer respond(std::span<const std::byte> query, std::uint16_t flags) {
    std::size_t end = 12;
    while (query[end] != std::byte{0}) {
        end += std::to_integer<std::size_t>(query[end]) + 1;
    }
    end += 5;
    const bool answers = flags == plain_answer && type_of(query) == 1;
    std::vector<std::byte> out(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end));
    store_be16(out, 2, flags);
    store_be16(out, 6, answers ? 1 : 0);
    store_be16(out, 10, 0); // no EDNS
    if (answers) {
        for (const int byte : {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7}) {
            out.push_back(static_cast<std::byte>(byte));
        }
    }
    return buffer::copy_of(out);
}

class NameServerResolver : public host_test::BackendTest {
protected:
    /// A server that answers by both protocols on one port, until the test is over.
    void with_server(std::uint16_t flags, const std::function<task<void>(std::string)>& test) {
        run([&]() -> task<void> {
            const auto streams = host::listen(loopback());
            const ip_endpoint at = *(*streams)->local().ip();
            const auto datagrams = host::udp_socket::bind(at);
            EXPECT_TRUE(datagrams.has_value());
            const auto all = [&](scope& beside) -> task<void> {
                beside.spawn(answer_datagrams(**datagrams, flags));
                beside.spawn(answer_streams(**streams));
                co_await test(at.to_string());
                beside.request_stop();
            };
            (void)co_await with_scope(all);
        });
    }

    int datagrams_ = 0;
    int streams_ = 0;

private:
    task<void> answer_datagrams(host::udp_socket& socket, std::uint16_t flags) {
        for (;;) {
            const auto query = co_await socket.receive();
            if (!query) {
                co_return;
            }
            ++datagrams_;
            host::datagram response(query->peer, respond(query->payload.span(), flags));
            (void)co_await socket.send(std::move(response));
        }
    }

    task<void> answer_streams(listener& place) {
        for (;;) {
            auto accepted = co_await place.accept();
            if (!accepted) {
                co_return;
            }
            ++streams_;
            buffered_flow stream(std::move(*accepted));
            const auto size = co_await stream.read_be<std::uint16_t>();
            const auto query = co_await stream.read_exactly(size.value_or(0));
            if (!query) {
                continue;
            }
            const buffer response = respond(query->span(), plain_answer);
            (void)co_await stream.write_be(static_cast<std::uint16_t>(response.size()));
            (void)co_await stream.write(response.span());
            (void)co_await stream.flush();
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Host, NameServerResolver, host_test::kernel_backends(),
                         host_test::backend_name);

task<std::string> first_address(resolver& names, std::string name) {
    const auto found = co_await names.resolve(std::move(name), ip_family::v4);
    co_return found ? found->front().to_string() : found.error().message();
}

TEST_P(NameServerResolver, AsksByDatagramsAndKeepsTheAnswer) {
    with_server(plain_answer, [&](std::string server) -> task<void> {
        auto names = host::make_resolver("dns://" + server);
        EXPECT_EQ(co_await first_address(**names, "host.example."), "192.0.2.7");
        EXPECT_EQ(co_await first_address(**names, "HOST.example."), "192.0.2.7");
        EXPECT_EQ(datagrams_, 1);
        EXPECT_EQ(streams_, 0);
    });
}

TEST_P(NameServerResolver, AsksByTcpWhenADatagramIsTooShortForTheAnswer) {
    with_server(plain_answer | truncated, [&](std::string server) -> task<void> {
        auto names = host::make_resolver("dns://" + server);
        EXPECT_EQ(co_await first_address(**names, "host.example."), "192.0.2.7");
        EXPECT_EQ(datagrams_, 1);
        EXPECT_EQ(streams_, 1);
    });
}

TEST_P(NameServerResolver, AsksByTcpOnlyWhereItIsToldTo) {
    with_server(plain_answer, [&](std::string server) -> task<void> {
        auto names = host::make_resolver("dns+tcp://" + server);
        EXPECT_EQ(co_await first_address(**names, "host.example."), "192.0.2.7");
        EXPECT_EQ(datagrams_, 0);
        EXPECT_EQ(streams_, 1);
    });
}

TEST_P(NameServerResolver, TellsThatANameDoesNotExist) {
    with_server(plain_answer | no_such_name, [&](std::string server) -> task<void> {
        auto names = host::make_resolver("dns://" + server);
        const auto found = co_await (*names)->resolve("host.example.", ip_family::v4);
        EXPECT_FALSE(found.has_value());
        EXPECT_EQ(found.error(), errc::not_found);
        EXPECT_THAT(found.error().message(), testing::HasSubstr("host.example"));
    });
}

TEST_P(NameServerResolver, GoesOnToTheNextServerAtOnceWhenNobodyListensAtTheFirst) {
    with_server(plain_answer, [&](std::string server) -> task<void> {
        std::string nobody;
        {
            const auto closed = host::udp_socket::bind(loopback());
            nobody = (*closed)->local().to_string();
        }
        auto names = host::make_resolver("dns://" + nobody + ",dns://" + server);
        EXPECT_EQ(co_await first_address(**names, "host.example."), "192.0.2.7");
    });
}

TEST_P(NameServerResolver, LeavesNothingBehindWhenALookupIsStopped) {
    run([&]() -> task<void> {
        const auto silent = host::udp_socket::bind(loopback());
        auto names = host::make_resolver("dns://" + (*silent)->local().to_string());
        const auto found =
            co_await with_timeout(20ms, (*names)->resolve("host.example.", ip_family::v4));
        EXPECT_FALSE(found.has_value());
        EXPECT_EQ(found.error(), errc::timed_out);
    });
}

TEST_P(NameServerResolver, ServesSeveralLoopsAtOnce) {
    with_server(plain_answer, [&](std::string server) -> task<void> {
        auto names = host::make_resolver("dns://" + server);
        EXPECT_EQ(co_await first_address(**names, "host.example."), "192.0.2.7");
        std::string elsewhere;
        std::thread other([&, kind = GetParam()] { // tidy: allow thread: a loop of its own
            auto own = loop::create({.backend = kind});
            elsewhere = (*own)->run(first_address(**names, "localhost"));
        });
        other.join();
        EXPECT_EQ(elsewhere, "127.0.0.1");
    });
}

TEST(ResolverText, NamesTheSystemItsServersOrOthers) {
    for (const char* text :
         {"system", "dns", "dns://192.0.2.1", "dns://192.0.2.1:5353", "dns://[2001:db8::1]",
          "dns://[2001:db8::1]:53", "dns://fe80::1%lo", "dns://192.0.2.1,dns+tcp://192.0.2.2"}) {
        EXPECT_TRUE(host::make_resolver(text).has_value()) << text;
    }
}

TEST(ResolverText, SaysWhatIsWrong) {
    for (const auto& [text, part] : std::initializer_list<std::pair<const char*, const char*>>{
             {"", "expected system, dns, or a server"},
             {"google", "resolver 'google': expected system"},
             {"udp://192.0.2.1", "expected system"},
             {"dns://", "expected an address"},
             {"dns://one.one.one.one", "expected an address"},
             {"dns://192.0.2.1:0", "expected an address"},
             {"dns://192.0.2.1:99999", "expected an address"},
             {"dns://192.0.2.1,", "resolver '': expected system"}}) {
        const auto made = host::make_resolver(text);
        ASSERT_FALSE(made.has_value()) << text;
        EXPECT_EQ(made.error(), errc::invalid_argument);
        EXPECT_THAT(made.error().message(), testing::HasSubstr(part));
    }
}

} // namespace
} // namespace runnel
