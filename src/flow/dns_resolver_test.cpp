// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_resolver.hpp"

#include "dns_test_message.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

using namespace std::chrono_literals;

namespace runnel {
namespace {

using dns_test::responder;

/// What a made-up server does with a query: fills the response, and says when it comes; no time,
/// no response.
using behaviour = std::function<std::optional<duration>(responder& response, bool over_tcp)>;

/// A network of two name servers, in virtual time.
class made_up_network final : public dns_transport {
public:
    explicit made_up_network(scope& tasks) : tasks_(tasks) {}

    task<result<std::unique_ptr<dns_datagrams>>> open_datagrams(dns_server server) override {
        ++sockets;
        co_return std::make_unique<socket>(*this, servers[server.address.address().to_string()]);
    }

    task<result<flow_ptr>> open_stream(dns_server server) override {
        ++connections;
        auto pipe = make_pipe();
        tasks_.spawn(serve(std::move(pipe.second), servers[server.address.address().to_string()]));
        co_return std::move(pipe.first);
    }

    std::map<std::string, behaviour> servers;
    int sockets = 0;
    int open_sockets = 0;
    int connections = 0;

private:
    class socket final : public dns_datagrams {
    public:
        socket(made_up_network& network, behaviour server)
            : network_(network), server_(std::move(server)) {
            ++network_.open_sockets;
        }
        socket(const socket&) = delete;
        socket& operator=(const socket&) = delete;
        ~socket() override { --network_.open_sockets; }

        task<result<void>> send(buffer datagram) override {
            responder response(datagram.span());
            const std::optional<duration> after = server_(response, false);
            arrives_ = after ? saturating_add(loop::current().now(), *after) : never;
            answer_ = response.done();
            co_return result<void>();
        }
        task<result<buffer>> receive() override {
            const result<void> waited = co_await sleep_until(std::exchange(arrives_, never));
            if (!waited) {
                co_return fail(waited.error());
            }
            co_return buffer::copy_of(answer_);
        }

    private:
        made_up_network& network_;
        behaviour server_;
        time_point arrives_ = never;
        std::vector<std::byte> answer_;
    };

    static task<void> serve(flow_ptr accepted, behaviour server) {
        buffered_flow stream(std::move(accepted));
        const result<std::uint16_t> size = co_await stream.read_be<std::uint16_t>();
        const result<buffer> query = co_await stream.read_exactly(*size);
        responder response(query->span());
        (void)co_await sleep_for(server(response, true).value());
        const std::vector<std::byte> message = response.done();
        (void)co_await stream.write_be(static_cast<std::uint16_t>(message.size()));
        (void)co_await stream.write(std::span<const std::byte>(message));
        (void)co_await stream.flush();
        (void)co_await stream.read();
    }

    scope& tasks_;
};

dns_options two_servers() {
    return {.conf = resolv_conf::parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\n")};
}

/// Runs a test with the network and a resolver that uses it.
void with_network(std::function<task<void>(made_up_network&, dns_resolver&)> test) {
    run_virtual([&]() -> task<void> {
        auto body = [&](scope& tasks) -> task<void> {
            made_up_network network(tasks);
            {
                dns_resolver names(network, two_servers(), hosts_table(), siphash_key{1, 2});
                co_await test(network, names);
            }
            (void)co_await sleep_for(1ns);
            EXPECT_EQ(network.open_sockets, 0);
        };
        (void)co_await with_scope(std::move(body));
    });
}

std::string first_of(const result<std::vector<ip_address>>& found) {
    return found ? found->front().to_string() : found.error().message();
}

TEST(DnsResolver, AsksAServerAndKeepsTheAnswer) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool) {
            response.a("example.org", {192, 0, 2, 1});
            return 20ms;
        };
        EXPECT_EQ(first_of(co_await names.resolve("example.org", ip_family::v4)), "192.0.2.1");
        EXPECT_EQ(virtual_time(), 20ms);
        EXPECT_EQ(first_of(co_await names.resolve("Example.ORG", ip_family::v4)), "192.0.2.1");
        EXPECT_EQ(virtual_time(), 20ms);
        EXPECT_EQ(network.sockets, 1);
        names.clear_cache();
        (void)co_await names.resolve("example.org", ip_family::v4);
        EXPECT_EQ(network.sockets, 2);
    });
}

TEST(DnsResolver, TurnsToTheNextServerWhenOneIsSilent) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder&, bool) { return std::nullopt; };
        network.servers["10.0.0.2"] = [](responder& response, bool) {
            response.aaaa("example.org", ipv6_address(0x2001'0db8'0000'0000, 5));
            return 10ms;
        };
        EXPECT_EQ(first_of(co_await names.resolve("example.org", ip_family::v6)), "2001:db8::5");
        EXPECT_EQ(virtual_time(), 5s + 10ms);
    });
}

TEST(DnsResolver, AsksAgainOverTcpWhenTheAnswerWasTruncated) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool over_tcp) {
            over_tcp ? response.a("example.org", {192, 0, 2, 9}) : response.truncated();
            return 10ms;
        };
        EXPECT_EQ(first_of(co_await names.resolve("example.org", ip_family::v4)), "192.0.2.9");
        EXPECT_EQ(network.connections, 1);
        EXPECT_EQ(virtual_time(), 20ms);
    });
}

TEST(DnsResolver, AsksOnceForCallersWithTheSameQuestion) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool) {
            response.a("example.org", {192, 0, 2, 1});
            return 20ms;
        };
        auto both = co_await when_all(names.resolve("example.org", ip_family::v4),
                                      names.resolve("example.org", ip_family::v4));
        EXPECT_EQ(first_of(std::get<0>(both)), "192.0.2.1");
        EXPECT_EQ(first_of(std::get<1>(both)), "192.0.2.1");
        EXPECT_EQ(network.sockets, 1);
    });
}

TEST(DnsResolver, SaysThatANameDoesNotExist) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool) {
            response.rcode(dns_rcode::no_such_name);
            return 1ms;
        };
        const auto found = co_await names.resolve("nowhere.example", ip_family::v4);
        EXPECT_EQ(found.error(), errc::not_found);
        EXPECT_EQ(found.error().code(), dns_errc::no_such_name);
    });
}

TEST(DnsResolver, EndsTheWaitOfOneCallerWithoutDisturbingAnother) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool) {
            response.a("example.org", {192, 0, 2, 1});
            return 2s;
        };
        auto both = co_await when_all(
            [](dns_resolver& by) -> task<std::string> {
                const auto found =
                    co_await with_timeout(1s, by.resolve("example.org", ip_family::v4));
                co_return outcome_of(found);
            }(names),
            [](dns_resolver& by) -> task<std::string> {
                co_return first_of(co_await by.resolve("example.org", ip_family::v4));
            }(names));
        EXPECT_EQ(std::get<0>(both), "<" + std::string(describe(errc::timed_out)) + ">");
        EXPECT_EQ(std::get<1>(both), "192.0.2.1");
        EXPECT_EQ(network.sockets, 1);
    });
}

TEST(DnsResolver, GivesUpWhatItAskedForWhenNobodyWaitsAnyMore) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder&, bool) { return std::nullopt; };
        (void)co_await with_timeout(1s, names.resolve("example.org", ip_family::v4));
        (void)co_await sleep_for(1ns);
        EXPECT_EQ(network.open_sockets, 0);
    });
}

TEST(DnsResolver, EndsItsExchangesWithItself) {
    with_network([](made_up_network& network, dns_resolver&) -> task<void> {
        network.servers["10.0.0.1"] = [](responder&, bool) { return 1h; };
        auto other = std::make_unique<dns_resolver>(network, two_servers(), hosts_table(),
                                                    siphash_key{3, 4});
        // A caller that is stopped in the same moment as the resolver goes.
        (void)co_await with_timeout(10ms, other->resolve("example.org", ip_family::v4));
        other.reset();
        (void)co_await sleep_for(1ns);
        EXPECT_EQ(network.open_sockets, 0);
    });
}

TEST(DnsResolver, GivesOtherRecordsToo) {
    with_network([](made_up_network& network, dns_resolver& names) -> task<void> {
        network.servers["10.0.0.1"] = [](responder& response, bool) {
            response.cname("www.example.org", "example.net").a("example.net", {192, 0, 2, 3});
            return 1ms;
        };
        const result<dns_answer> answer = co_await names.query("www.example.org", dns_type::a);
        EXPECT_EQ(answer->name.to_string(), "example.net");
    });
}

} // namespace
} // namespace runnel
