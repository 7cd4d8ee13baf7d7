// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_stub.hpp"

#include "dns_test_driver.hpp"

#include <gtest/gtest.h>

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

/// A resolver with the given files, and what it asks for a name when no name exists.
class Stub {
public:
    explicit Stub(std::string_view conf = "", std::string_view hosts = "")
        : engine({.conf = resolv_conf::parse(conf)}, hosts_table::parse(hosts), siphash_key{1, 2}) {
    }

    dns_query_id query(std::string_view name, dns_type type = dns_type::a) {
        const auto id = engine.query(name, type, at(0s));
        driver.take();
        return id;
    }

    /// The result of a query that needs no server.
    std::string local(std::string_view name, dns_type type = dns_type::a) {
        static_cast<void>(query(name, type));
        EXPECT_TRUE(driver.sent.empty()) << name;
        EXPECT_EQ(driver.done.size(), 1U) << name;
        const texts results = driver.results();
        return results.empty() ? "" : results.front();
    }

    /// All names that are asked for, none of which exists.
    texts asked_for(std::string_view name) {
        texts names;
        static_cast<void>(query(name));
        while (!driver.open.empty() && names.size() < 100) {
            const dns_send send = driver.open.begin()->second;
            names.push_back(question_of(send));
            driver.answer(send, at(0s), [](responder& r) { r.rcode(dns_rcode::no_such_name); });
        }
        return names;
    }

    dns_stub engine;
    dns_test::driver<dns_stub, dns_resolved> driver{engine};
};

TEST(DnsStub, KnowsAddressesInFigures) {
    Stub stub("search example.org");
    EXPECT_EQ(stub.local("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(stub.local("2001:DB8::7", dns_type::aaaa), "2001:db8::7");
    EXPECT_EQ(stub.local("fe80::1%3", dns_type::aaaa), "fe80::1%3");
    EXPECT_EQ(stub.local("192.0.2.7", dns_type::aaaa),
              "192.0.2.7 AAAA: the name has no record of this type");
    EXPECT_EQ(stub.local("::1"), "::1 A: the name has no record of this type");
}

TEST(DnsStub, KnowsLocalhost) {
    // Whatever the file says (RFC 6761, section 6.3).
    Stub stub("", "192.0.2.1 localhost\n");
    for (const char* name : {"localhost", "LOCALHOST.", "a.b.localhost", "x.LocalHost."}) {
        EXPECT_EQ(stub.local(name), "127.0.0.1") << name;
        EXPECT_EQ(stub.local(name, dns_type::aaaa), "::1") << name;
    }
    EXPECT_EQ(stub.asked_for("notlocalhost"), texts{"notlocalhost A"});
}

TEST(DnsStub, NeverLooksUpNamesThatCannotExist) {
    Stub stub("search example.org");
    EXPECT_EQ(stub.local("a.invalid"), "a.invalid A: no such name");
    EXPECT_EQ(stub.local("x.onion."), "x.onion. A: no such name");
}

TEST(DnsStub, KnowsTheHostsTable) {
    Stub stub("search example.org", "192.0.2.1 both only4\n2001:db8::1 both\n192.0.2.2 both\n");
    EXPECT_EQ(stub.local("both"), "192.0.2.1 192.0.2.2");
    EXPECT_EQ(stub.local("BOTH.", dns_type::aaaa), "2001:db8::1");
    EXPECT_EQ(stub.local("only4", dns_type::aaaa),
              "only4 AAAA: the name has no record of this type");
    static_cast<void>(stub.query("both", dns_type::srv));
    EXPECT_EQ(stub.driver.sent.size(), 1U) << "only addresses are in there";
}

TEST(DnsStub, RefusesWhatIsNoName) {
    Stub stub;
    EXPECT_EQ(stub.local(""), "'' is no domain name: malformed name");
    EXPECT_EQ(stub.local("a..b"), "'a..b' is no domain name: a label is empty: malformed name");
    EXPECT_EQ(stub.local(std::string(5000, 'x')), "5000 bytes: malformed name");
}

TEST(DnsStub, TriesShortNamesBelowTheSearchDomainsFirst) {
    Stub stub("search example.org corp.example\n");
    EXPECT_EQ(stub.asked_for("host"),
              (texts{"host.example.org A", "host.corp.example A", "host A"}));
    EXPECT_EQ(stub.driver.results(), texts{"host A: no such name"});
    EXPECT_EQ(stub.asked_for("a.b"), (texts{"a.b A", "a.b.example.org A", "a.b.corp.example A"}));
    EXPECT_EQ(stub.asked_for("host."), texts{"host A"});
    EXPECT_EQ(stub.asked_for("a.b."), texts{"a.b A"});
    EXPECT_EQ(stub.asked_for("."), texts{". A"});
    EXPECT_EQ(stub.asked_for("a\\."),
              (texts{"a\\..example.org A", "a\\..corp.example A", "a\\. A"}));
}

TEST(DnsStub, TakesNdotsAsTheBorder) {
    Stub stub("search x\noptions ndots:2\n");
    EXPECT_EQ(stub.asked_for("a.b"), (texts{"a.b.x A", "a.b A"}));
    EXPECT_EQ(stub.asked_for("a.b.c"), (texts{"a.b.c A", "a.b.c.x A"}));
    Stub zero("search x\noptions ndots:0\n");
    EXPECT_EQ(zero.asked_for("a"), (texts{"a A", "a.x A"}));
    EXPECT_EQ(Stub().asked_for("a"), texts{"a A"});
}

TEST(DnsStub, StopsAtTheFirstNameThatExists) {
    Stub stub("search example.org corp.example\n");
    static_cast<void>(stub.query("host"));
    stub.driver.answer(stub.driver.sent.back(), at(0s),
                       [](responder& r) { r.rcode(dns_rcode::no_such_name); });
    stub.driver.answer(stub.driver.sent.back(), at(0s),
                       [](responder& r) { r.a("host.corp.example", one); });
    EXPECT_EQ(stub.driver.results(), texts{"192.0.2.1"});

    static_cast<void>(stub.query("host", dns_type::aaaa));
    stub.driver.answer(stub.driver.sent.back(), at(0s),
                       [](responder& r) { r.rcode(dns_rcode::no_such_name); });
    stub.driver.answer(stub.driver.sent.back(), at(0s), [](responder&) {});
    EXPECT_EQ(stub.driver.results(),
              texts{"host.corp.example AAAA: the name has no record of this type"})
        << "the name exists: addresses of another host would be wrong";
}

TEST(DnsStub, DoesNotGoOnToAnotherNameWhenServersFail) {
    Stub stub("nameserver 10.0.0.1\nsearch example.org corp.example\noptions attempts:1\n");
    static_cast<void>(stub.query("host"));
    stub.driver.answer(stub.driver.sent.back(), at(0s),
                       [](responder& r) { r.rcode(dns_rcode::server_failure); });
    EXPECT_EQ(stub.driver.sent.size(), 1U);
    EXPECT_EQ(stub.driver.results(),
              texts{"host.example.org A (10.0.0.1:53: SERVFAIL): the name servers "
                    "could not answer"});
    static_cast<void>(stub.query("host"));
    stub.driver.advance(at(5s));
    EXPECT_EQ(
        stub.driver.results(),
        texts{"host.example.org A (10.0.0.1:53: no answer within 5s): no name server answered"});
}

TEST(DnsStub, SaysWhyNoServerCouldBeReached) {
    Stub stub("nameserver 10.0.0.1\noptions attempts:1\n");
    static_cast<void>(stub.query("host"));
    stub.engine.failed(stub.driver.sent.back().exchange, error(errc::refused), at(0s));
    stub.driver.take();
    EXPECT_EQ(stub.driver.results(),
              texts{"host A (10.0.0.1:53: connection refused): no name server could be reached"});
}

TEST(DnsStub, PassesOverCandidatesThatAreTooLong) {
    Stub stub("search example.org\n");
    const std::string label(60, 'a');
    std::string name = label;
    for (int i = 0; i < 3; ++i) {
        name += "." + label;
    }
    EXPECT_EQ(stub.asked_for(name), texts{name + " A"});
}

TEST(DnsStub, UsesWhatItKeepsForCandidatesToo) {
    Stub stub("search example.org\n");
    const auto absent = [](responder& r) {
        r.rcode(dns_rcode::no_such_name).soa("example.org", 60, 60);
    };
    static_cast<void>(stub.query("host"));
    stub.driver.answer(stub.driver.sent.back(), at(0s), absent);
    stub.driver.answer(stub.driver.sent.back(), at(0s), [](responder& r) { r.a("host", one); });
    static_cast<void>(stub.query("host"));
    EXPECT_EQ(stub.driver.sent.size(), 2U);
    EXPECT_EQ(stub.driver.results(), (texts{"192.0.2.1", "192.0.2.1"}));
}

TEST(DnsStub, LooksUpNoAddressesOfVersion6WhereTheSystemSaysSo) {
    Stub stub("options no-aaaa\n");
    EXPECT_EQ(stub.local("example.org", dns_type::aaaa),
              "example.org AAAA: the name has no record of this type");
    EXPECT_EQ(stub.local("::1", dns_type::aaaa), "::1");
}

TEST(DnsStub, ForgetsCancelledQueries) {
    Stub stub("search example.org\n");
    const auto first = stub.query("host");
    const auto second = stub.query("host");
    EXPECT_EQ(stub.driver.sent.size(), 1U);
    stub.engine.cancel(first);
    stub.engine.cancel(first);
    stub.driver.take();
    EXPECT_EQ(stub.driver.open.size(), 1U);
    stub.engine.cancel(second);
    stub.driver.take();
    EXPECT_TRUE(stub.driver.open.empty());
    EXPECT_TRUE(stub.driver.results().empty());
    EXPECT_EQ(stub.engine.next_wakeup(), never);
}

TEST(DnsStub, ResolvesManyNamesAtOnce) {
    Stub stub;
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(stub.query("h" + std::to_string(i) + ".example"));
    }
    ASSERT_EQ(stub.driver.sent.size(), 100U);
    for (std::uint32_t i = 100; i-- > 0;) {
        stub.driver.answer(stub.driver.sent[i], at(1s), [&](responder& r) {
            r.a("h" + std::to_string(i) + ".example", ipv4_address(i));
        });
        EXPECT_EQ(stub.driver.results(), texts{ipv4_address(i).to_string()});
    }
}

} // namespace
} // namespace runnel
