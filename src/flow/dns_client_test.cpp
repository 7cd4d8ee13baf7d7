// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_client.hpp"

#include "dns_test_driver.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;
using dns_test::at;
using dns_test::question_of;
using dns_test::responder;
using texts = std::vector<std::string>;

constexpr ipv4_address one(192, 0, 2, 1);
constexpr ipv4_address two(192, 0, 2, 2);

dns_options two_servers() {
    return {.conf = resolv_conf::parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\n")};
}

class DnsClient : public testing::Test {
protected:
    explicit DnsClient(dns_options options = two_servers())
        : client(std::move(options), siphash_key{1, 2}) {}

    dns_lookup_id start(std::string_view name, dns_type type = dns_type::a,
                        time_point now = at(0s)) {
        const auto id = client.start({*dns_name::parse(name), type}, now);
        driver.take();
        return id;
    }

    dns_client client;
    dns_test::driver<dns_client, dns_looked_up> driver{client};
};

TEST_F(DnsClient, AsksTheFirstServerAndGivesItsAnswer) {
    static_cast<void>(start("example.org"));
    ASSERT_EQ(driver.sent.size(), 1U);
    const dns_send& query = driver.sent[0];
    EXPECT_EQ(question_of(query), "example.org A");
    EXPECT_EQ(query.server, 0U);
    EXPECT_FALSE(query.over_tcp);
    EXPECT_EQ(client.next_wakeup(), at(5s));

    driver.answer(query, at(10ms),
                  [](responder& r) { r.a("example.org", one).a("example.org", two); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1 192.0.2.2"});
    EXPECT_TRUE(driver.open.empty());
    EXPECT_EQ(client.next_wakeup(), never);
}

TEST_F(DnsClient, TurnsToTheNextServerWhenOneIsSilent) {
    static_cast<void>(start("example.org"));
    driver.advance(at(5s) - 1ns);
    EXPECT_EQ(driver.sent.size(), 1U);
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(client.next_wakeup(), at(i * 5s));
        driver.advance(at(i * 5s));
        ASSERT_EQ(driver.sent.size(), 1U + static_cast<unsigned>(i));
        EXPECT_EQ(driver.sent.back().server, static_cast<unsigned>(i) % 2);
    }
    EXPECT_TRUE(driver.results().empty());
    driver.advance(at(20s));
    EXPECT_EQ(
        driver.results(),
        texts{"example.org A (10.0.0.1:53: no answer within 5s; 10.0.0.2:53: no answer within 5s; "
              "10.0.0.1:53: no answer within 5s; 10.0.0.2:53: no answer within 5s): no name "
              "server answered"});
    EXPECT_TRUE(driver.open.empty());
    EXPECT_EQ(client.next_wakeup(), never);
}

TEST_F(DnsClient, TakesALateAnswer) {
    static_cast<void>(start("example.org"));
    driver.advance(at(5s));
    EXPECT_EQ(driver.open.size(), 2U);
    driver.answer(driver.sent[0], at(6s), [](responder& r) { r.a("example.org", one); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    EXPECT_TRUE(driver.open.empty());
}

TEST_F(DnsClient, AsksASilentServerLastForAWhile) {
    static_cast<void>(start("a.example"));
    driver.advance(at(5s));
    driver.answer(driver.sent[1], at(5s), [](responder& r) { r.a("a.example", one); });
    static_cast<void>(start("b.example", dns_type::a, at(6s)));
    EXPECT_EQ(driver.sent.back().server, 1U);
    driver.answer(driver.sent.back(), at(6s), [](responder& r) { r.a("b.example", one); });
    static_cast<void>(start("c.example", dns_type::a, at(36s)));
    EXPECT_EQ(driver.sent.back().server, 0U);
}

TEST_F(DnsClient, TurnsToTheNextServerAtOnceWhenOneRefuses) {
    for (const dns_rcode code : {dns_rcode::server_failure, dns_rcode::refused, dns_rcode{9}}) {
        const std::string name = to_string(code) + ".example";
        static_cast<void>(start(name));
        driver.answer(driver.sent.back(), at(0s), [&](responder& r) { r.rcode(code); });
        EXPECT_EQ(driver.sent.back().server, 1U);
        driver.answer(driver.sent.back(), at(0s), [&](responder& r) { r.a(name, one); });
        EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    }
    static_cast<void>(start("other.example"));
    EXPECT_EQ(driver.sent.back().server, 0U) << "a failure may be about the one name";
}

TEST_F(DnsClient, FailsWhenAllServersRefuse) {
    static_cast<void>(start("example.org"));
    for (int i = 0; i < 4; ++i) {
        driver.answer(driver.sent.back(), at(0s),
                      [](responder& r) { r.rcode(dns_rcode::server_failure); });
    }
    EXPECT_EQ(
        driver.results(),
        texts{"example.org A (10.0.0.1:53: SERVFAIL; 10.0.0.2:53: SERVFAIL; 10.0.0.1:53: SERVFAIL; "
              "10.0.0.2:53: SERVFAIL): the name servers could not answer"});
}

TEST_F(DnsClient, TurnsToTheNextServerWhenOneCannotBeReached) {
    static_cast<void>(start("example.org"));
    for (int i = 0; i < 4; ++i) {
        client.failed(driver.sent.back().exchange, error(errc::refused), at(0s));
        driver.take();
    }
    ASSERT_EQ(driver.sent.size(), 4U);
    ASSERT_EQ(driver.done.size(), 1U);
    EXPECT_TRUE(
        driver.done[0].ends_with("10.0.0.2:53: connection refused): no name server could be "
                                 "reached"))
        << driver.done[0];
}

TEST_F(DnsClient, PassesOverServersThatOnlyRefer) {
    static_cast<void>(start("example.org"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.no_recursion(); });
    EXPECT_EQ(driver.sent.back().server, 1U);
}

TEST_F(DnsClient, TellsAbsentNamesFromAbsentRecords) {
    static_cast<void>(start("nope.example"));
    driver.answer(driver.sent.back(), at(0s),
                  [](responder& r) { r.rcode(dns_rcode::no_such_name).soa("example", 60, 60); });
    static_cast<void>(start("empty.example", dns_type::aaaa));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.soa("example", 60, 60); });
    EXPECT_EQ(driver.results(), (texts{"nope.example A: no such name",
                                       "empty.example AAAA: the name has no record of this type"}));
}

TEST_F(DnsClient, GivesItsErrorsKindsAndCodes) {
    static_cast<void>(start("nope.example"));
    responder response(driver.sent.back().message);
    client.received(driver.sent.back().exchange, response.rcode(dns_rcode::no_such_name).done(),
                    at(0s));
    static_cast<void>(client.next_action()); // closes the exchange
    const auto last = client.next_action();
    ASSERT_TRUE(last && std::holds_alternative<dns_looked_up>(*last));
    const auto& answer = std::get<dns_looked_up>(*last).answer;
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), dns_errc::no_such_name);
    EXPECT_EQ(answer.error(), errc::not_found);
}

TEST_F(DnsClient, AsksAgainOverTcpWhenTruncated) {
    static_cast<void>(start("example.org"));
    driver.answer(driver.sent[0], at(1s), [](responder& r) { r.truncated(); });
    ASSERT_EQ(driver.sent.size(), 2U);
    EXPECT_TRUE(driver.sent[1].over_tcp);
    EXPECT_EQ(driver.sent[1].server, 0U);
    EXPECT_EQ(question_of(driver.sent[1]), "example.org A");
    EXPECT_EQ(client.next_wakeup(), at(6s));
    EXPECT_EQ(driver.open.size(), 1U);
    driver.answer(driver.sent[1], at(2s), [](responder& r) { r.a("example.org", one); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
}

TEST_F(DnsClient, TurnsToTheNextServerWhenTcpFails) {
    static_cast<void>(start("example.org"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.truncated(); });
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.truncated(); });
    EXPECT_EQ(driver.sent.back().server, 1U);
    EXPECT_FALSE(driver.sent.back().over_tcp);
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.truncated(); });
    driver.receive(driver.sent.back(), {std::byte{1}}, at(0s)); // malformed
    EXPECT_EQ(driver.sent.back().server, 0U);
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.truncated(); });
    client.failed(driver.sent.back().exchange, error(errc::reset), at(0s));
    driver.take();
    EXPECT_EQ(driver.sent.back().server, 1U);
}

TEST_F(DnsClient, AsksWithoutEdnsWhenAServerDoesNotKnowIt) {
    for (const dns_rcode code :
         {dns_rcode::format_error, dns_rcode::not_implemented, dns_rcode::bad_version}) {
        dns_client fresh(two_servers(), siphash_key{1, 2});
        dns_test::driver<dns_client, dns_looked_up> fresh_driver{fresh};
        static_cast<void>(fresh.start({*dns_name::parse("x"), dns_type::a}, at(0s)));
        fresh_driver.take();
        const std::size_t with_edns = fresh_driver.sent[0].message.size();
        if (code == dns_rcode::bad_version) {
            dns_test::writer response;
            response.header(load_be16(fresh_driver.sent[0].message, 0), 0x8180, 1, 0, 0, 1);
            response.name("x").u16(1).u16(1).u8(0).u16(41).u16(512).u32(0x0100'0000).u16(0);
            fresh_driver.receive(fresh_driver.sent[0], response.done(), at(0s));
        } else {
            fresh_driver.answer(fresh_driver.sent[0], at(0s),
                                [&](responder& r) { r.without_question().rcode(code); });
        }
        ASSERT_EQ(fresh_driver.sent.size(), 2U);
        EXPECT_EQ(fresh_driver.sent[1].server, 0U);
        EXPECT_EQ(fresh_driver.sent[1].message.size(), with_edns - 11);

        // Once more is a refusal, and other lookups know.
        fresh_driver.answer(fresh_driver.sent[1], at(0s),
                            [&](responder& r) { r.rcode(dns_rcode::format_error); });
        EXPECT_EQ(fresh_driver.sent.back().server, 1U);
        static_cast<void>(fresh.start({*dns_name::parse("y"), dns_type::a}, at(0s)));
        fresh_driver.take();
        EXPECT_EQ(fresh_driver.sent.back().message.size(), with_edns - 11);
    }
}

TEST_F(DnsClient, IgnoresWhatMayBeForged) {
    static_cast<void>(start("example.org"));
    const dns_send query = driver.sent[0];
    const auto ignored = [&](const std::vector<std::byte>& message) {
        driver.receive(query, message, at(1s));
        EXPECT_EQ(driver.sent.size(), 1U);
        EXPECT_TRUE(driver.done.empty());
        EXPECT_EQ(client.next_wakeup(), at(5s));
    };
    const unsigned id = load_be16(query.message, 0);
    ignored({});
    ignored({std::byte{1}, std::byte{2}});
    ignored(query.message); // a query, not a response
    ignored(responder(query.message).id(id ^ 1U).a("example.org", two).done());
    ignored(responder(query.message).without_question().a("example.org", two).done());
    const auto other = encode({.id = static_cast<std::uint16_t>(id),
                               .question = {*dns_name::parse("example.com"), dns_type::a}});
    ignored(responder(other).a("example.com", two).done());
    const auto aaaa = encode({.id = static_cast<std::uint16_t>(id),
                              .question = {*dns_name::parse("example.org"), dns_type::aaaa}});
    ignored(responder(aaaa).done());
    auto cut = responder(query.message).a("example.org", two).done();
    cut.pop_back();
    ignored(cut);
    client.received(dns_exchange_id{999}, responder(query.message).done(), at(1s));
    driver.take();

    driver.answer(query, at(2s), [](responder& r) { r.a("example.org", one); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    driver.answer(query, at(2s), [](responder& r) { r.a("example.org", two); });
    EXPECT_TRUE(driver.results().empty()) << "the exchange is over";
}

TEST_F(DnsClient, TakesNoRecordsOfOtherNames) {
    static_cast<void>(start("example.org"));
    driver.answer(driver.sent[0], at(0s), [](responder& r) {
        r.a("bank.example", two).a("EXAMPLE.org", one).cname("bank.example", "evil.example");
    });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    static_cast<void>(start("bank.example"));
    EXPECT_EQ(driver.sent.size(), 2U) << "nothing was kept for another name";
}

TEST_F(DnsClient, DrawsIdsThatDoNotRepeatInAPattern) {
    std::set<unsigned> ids;
    for (int i = 0; i < 1000; ++i) {
        static_cast<void>(start("h" + std::to_string(i) + ".example"));
        ids.insert(load_be16(driver.sent.back().message, 0));
    }
    EXPECT_GT(ids.size(), 970U); // of 1000 random ones about 8 come twice
}

TEST_F(DnsClient, FollowsAliasesWithinAResponse) {
    static_cast<void>(start("www.example.org"));
    driver.answer(driver.sent[0], at(0s), [](responder& r) {
        // In an order that servers are free to choose.
        r.a("host.cdn.example", one, 20).cname("cdn.example", "Host.CDN.example", 40);
        r.cname("www.example.org", "cdn.example", 30);
    });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    const auto* kept =
        client.cache().find({*dns_name::parse("www.example.org"), dns_type::a}, at(19s));
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->answer.name.to_string(), "Host.CDN.example");
    EXPECT_EQ(kept->answer.expires, at(20s)) << "the shortest of the chain";
    EXPECT_EQ(client.cache().find({*dns_name::parse("www.example.org"), dns_type::a}, at(20s)),
              nullptr);
}

TEST_F(DnsClient, AsksForTheTargetOfAnAliasThatAResponseLeavesOpen) {
    static_cast<void>(start("www.example.org"));
    driver.answer(driver.sent[0], at(0s),
                  [](responder& r) { r.cname("www.example.org", "cdn.example", 7); });
    ASSERT_EQ(driver.sent.size(), 2U);
    EXPECT_EQ(question_of(driver.sent[1]), "cdn.example A");
    driver.answer(driver.sent[1], at(1s), [](responder& r) { r.a("cdn.example", one, 100); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
    const auto* kept =
        client.cache().find({*dns_name::parse("www.example.org"), dns_type::a}, at(2s));
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->answer.expires, at(8s));
}

TEST_F(DnsClient, TellsAnAliasToNothingFromOneLeftOpen) {
    static_cast<void>(start("a.example"));
    driver.answer(driver.sent.back(), at(0s),
                  [](responder& r) { r.cname("a.example", "b.example").soa("example", 60, 60); });
    static_cast<void>(start("c.example"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) {
        r.cname("c.example", "d.example").rcode(dns_rcode::no_such_name);
    });
    EXPECT_EQ(driver.results(), (texts{"a.example A: the name has no record of this type",
                                       "c.example A: no such name"}));
}

TEST_F(DnsClient, EndsLoopsOfAliases) {
    static_cast<void>(start("a.example"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) {
        r.cname("a.example", "b.example").cname("b.example", "a.example");
    });
    EXPECT_EQ(driver.results(), texts{"a.example A: too many aliases"});

    static_cast<void>(start("n0.example"));
    for (int i = 0; i < 9; ++i) {
        const auto number = [](int n) { return "n" + std::to_string(n) + ".example"; };
        EXPECT_EQ(question_of(driver.sent.back()), number(i) + " A");
        EXPECT_TRUE(driver.done.empty());
        driver.answer(driver.sent.back(), at(0s),
                      [&](responder& r) { r.cname(number(i), number(i + 1)); });
    }
    EXPECT_EQ(driver.results(), texts{"n0.example A: too many aliases"});
    EXPECT_TRUE(driver.open.empty());
}

TEST_F(DnsClient, GivesTheAliasItselfWhenAskedForIt) {
    static_cast<void>(start("a.example", dns_type::cname));
    driver.answer(driver.sent.back(), at(0s),
                  [](responder& r) { r.cname("a.example", "b.example"); });
    EXPECT_EQ(driver.results(), texts{"b.example"});
}

TEST_F(DnsClient, KeepsAnswersForTheirTime) {
    static_cast<void>(start("example.org"));
    driver.answer(driver.sent.back(), at(1s),
                  [](responder& r) { r.a("example.org", one, 10).a("example.org", two, 20); });
    static_cast<void>(start("EXAMPLE.org", dns_type::a, at(10s)));
    EXPECT_EQ(driver.sent.size(), 1U);
    EXPECT_EQ(driver.results(), (texts{"192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"}));
    static_cast<void>(start("example.org", dns_type::aaaa, at(10s)));
    EXPECT_EQ(driver.sent.size(), 2U) << "another type";
    static_cast<void>(start("example.org", dns_type::a, at(11s)));
    EXPECT_EQ(driver.sent.size(), 3U) << "its time is over";
}

TEST_F(DnsClient, KeepsAbsencesAsTheirZoneSays) {
    static_cast<void>(start("nope.example"));
    driver.answer(driver.sent.back(), at(0s),
                  [](responder& r) { r.rcode(dns_rcode::no_such_name).soa("example", 100, 10); });
    static_cast<void>(start("empty.example"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) { r.soa("example", 10, 100); });
    EXPECT_EQ(driver.sent.size(), 2U);
    static_cast<void>(start("nope.example", dns_type::aaaa, at(9s))); // absent for every type
    static_cast<void>(start("empty.example", dns_type::a, at(9s)));
    EXPECT_EQ(driver.sent.size(), 2U);
    EXPECT_EQ(driver.results(), (texts{"nope.example A: no such name",
                                       "empty.example A: the name has no record of this type",
                                       "nope.example AAAA: no such name",
                                       "empty.example A: the name has no record of this type"}));
    static_cast<void>(start("empty.example", dns_type::aaaa, at(9s)));
    static_cast<void>(start("nope.example", dns_type::a, at(10s)));
    static_cast<void>(start("empty.example", dns_type::a, at(10s)));
    EXPECT_EQ(driver.sent.size(), 5U);
}

TEST_F(DnsClient, KeepsNoAbsenceThatNoZoneVouchesFor) {
    static_cast<void>(start("nope.example"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) {
        r.rcode(dns_rcode::no_such_name).soa("other.example", 100, 100);
    });
    EXPECT_EQ(client.cache().size(), 0U);
}

TEST_F(DnsClient, BoundsHowLongThingsAreKept) {
    static_cast<void>(start("a.example"));
    driver.answer(driver.sent.back(), at(0s),
                  [](responder& r) { r.a("a.example", one, 0x7FFF'FFFF); });
    static_cast<void>(start("b.example"));
    driver.answer(driver.sent.back(), at(0s), [](responder& r) {
        r.rcode(dns_rcode::no_such_name).soa("example", 1'000'000, 1'000'000);
    });
    const dns_question a{*dns_name::parse("a.example"), dns_type::a};
    const dns_question b{*dns_name::parse("b.example"), dns_type::a};
    EXPECT_NE(client.cache().find(a, at(24h) - 1ns), nullptr);
    EXPECT_EQ(client.cache().find(a, at(24h)), nullptr);
    EXPECT_NE(client.cache().find(b, at(15min) - 1ns), nullptr);
    EXPECT_EQ(client.cache().find(b, at(15min)), nullptr);
}

TEST_F(DnsClient, MakesOneLookupOfEqualQuestions) {
    static_cast<void>(start("example.org"));
    static_cast<void>(start("Example.ORG"));
    const auto third = start("example.org");
    static_cast<void>(start("example.org", dns_type::aaaa));
    EXPECT_EQ(driver.sent.size(), 2U);
    client.cancel(third);
    driver.answer(driver.sent[0], at(0s), [](responder& r) { r.a("example.org", one, 0); });
    EXPECT_EQ(driver.results(), (texts{"192.0.2.1", "192.0.2.1"}));
    static_cast<void>(start("example.org"));
    EXPECT_EQ(driver.sent.size(), 3U) << "an answer of no time is good for those who waited only";
}

TEST_F(DnsClient, StopsAskingWhenNobodyWaitsAnyMore) {
    const auto first = start("example.org");
    const auto second = start("example.org");
    client.cancel(first);
    driver.take();
    EXPECT_EQ(driver.open.size(), 1U);
    client.cancel(second);
    client.cancel(second);
    driver.take();
    EXPECT_TRUE(driver.open.empty());
    EXPECT_TRUE(driver.results().empty());
    EXPECT_EQ(client.next_wakeup(), never);
}

TEST(DnsClientOptions, BoundTheNumberOfLookups) {
    dns_options options = two_servers();
    options.most_lookups = 2;
    dns_client client(options, {});
    dns_test::driver<dns_client, dns_looked_up> driver{client};
    for (const char* name : {"a", "b", "c"}) {
        static_cast<void>(client.start({*dns_name::parse(name), dns_type::a}, at(0s)));
        driver.take();
    }
    EXPECT_EQ(driver.sent.size(), 2U);
    EXPECT_EQ(driver.results(), texts{"c A: too many lookups at once"});
    driver.answer(driver.sent[0], at(0s), [](responder& r) { r.a("a", one); });
    static_cast<void>(client.start({*dns_name::parse("c"), dns_type::a}, at(0s)));
    driver.take();
    EXPECT_EQ(driver.sent.size(), 3U);
}

TEST(DnsClientOptions, RotateServers) {
    dns_options options = two_servers();
    options.conf.rotate = true;
    dns_client client(options, {});
    dns_test::driver<dns_client, dns_looked_up> driver{client};
    for (const char* name : {"a", "b", "c"}) {
        static_cast<void>(client.start({*dns_name::parse(name), dns_type::a}, at(0s)));
    }
    driver.take();
    ASSERT_EQ(driver.sent.size(), 3U);
    EXPECT_EQ(driver.sent[0].server, 0U);
    EXPECT_EQ(driver.sent[1].server, 1U);
    EXPECT_EQ(driver.sent[2].server, 0U);
}

TEST(DnsClientOptions, UseTcpFromTheStart) {
    dns_options options = two_servers();
    options.conf.use_tcp = true;
    dns_client client(options, {});
    dns_test::driver<dns_client, dns_looked_up> driver{client};
    static_cast<void>(client.start({*dns_name::parse("a"), dns_type::a}, at(0s)));
    driver.take();
    EXPECT_TRUE(driver.sent[0].over_tcp);
}

TEST(DnsClientOptions, MixCaseAtRandomAndWantItBack) {
    dns_options options = two_servers();
    options.randomise_case = true;
    dns_client client(options, siphash_key{3, 4});
    dns_test::driver<dns_client, dns_looked_up> driver{client};
    const std::string name = "some-longer-name.example.org";
    static_cast<void>(client.start({*dns_name::parse(name), dns_type::a}, at(0s)));
    driver.take();
    EXPECT_NE(question_of(driver.sent[0]), name + " A");
    const unsigned id = load_be16(driver.sent[0].message, 0);
    const auto plain = encode(
        {.id = static_cast<std::uint16_t>(id), .question = {*dns_name::parse(name), dns_type::a}});
    driver.receive(driver.sent[0], responder(plain).a(name, two).done(), at(0s));
    EXPECT_TRUE(driver.results().empty());
    driver.answer(driver.sent[0], at(0s), [&](responder& r) { r.a(name, one); });
    EXPECT_EQ(driver.results(), texts{"192.0.2.1"});
}

TEST(DnsClientOptions, WithoutServersFailAtOnce) {
    dns_options options;
    options.conf.servers.clear();
    dns_client client(options, {});
    dns_test::driver<dns_client, dns_looked_up> driver{client};
    static_cast<void>(client.start({*dns_name::parse("a"), dns_type::a}, at(0s)));
    driver.take();
    EXPECT_EQ(driver.results(), texts{"a A: no name server could be reached"});
}

} // namespace
} // namespace runnel
