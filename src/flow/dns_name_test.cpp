// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_name.hpp"

#include "dns_test_message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace runnel {
namespace {

using dns_test::writer;

dns_name name(std::string_view text) {
    const auto parsed = dns_name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : dns_name();
}

std::string why_not(const writer& message, std::size_t offset) {
    const auto read = dns_name::read(message.done(), offset, message.size());
    return read ? "no error" : std::string(read.error().text());
}

writer behind_header() {
    return writer().header(0, 0, 0, 0);
}

TEST(DnsName, ReadsAndWritesText) {
    struct {
        std::string_view text;
        std::string_view canonical;
        std::size_t labels;
    } const cases[] = {
        {".", ".", 0},
        {"org", "org", 1},
        {"www.Example.org", "www.Example.org", 3},
        {"www.example.org.", "www.example.org", 3},
        {"_sip._tcp.a-b.c", "_sip._tcp.a-b.c", 4},
        {R"(a\.b.c)", R"(a\.b.c)", 2},
        {R"(a\\b.c)", R"(a\\b.c)", 2},
        {R"(\000\032\255.c)", R"(\000\032\255.c)", 2},
        {R"(\097)", "a", 1},
        {R"(\-)", "-", 1},
    };
    for (const auto& [text, canonical, labels] : cases) {
        EXPECT_EQ(name(text).to_string(), canonical);
        EXPECT_EQ(name(text).label_count(), labels) << text;
        EXPECT_EQ(name(canonical), name(text));
    }
    EXPECT_TRUE(name(".").is_root());
    EXPECT_TRUE(dns_name().is_root());
    EXPECT_FALSE(name("a").is_root());
}

TEST(DnsName, SaysWhatIsWrongWithAText) {
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
    EXPECT_EQ(name(longest).wire().size(), 255U);
    EXPECT_EQ(name(longest + ".").wire().size(), 255U);
    struct {
        std::string text;
        std::string message;
    } const cases[] = {
        {"", "'' is no domain name"},
        {"..", "'..' is no domain name: a label is empty"},
        {".a", "'.a' is no domain name: a label is empty"},
        {"a..b", "'a..b' is no domain name: a label is empty"},
        {label + "a", "'" + label + "a' is no domain name: a label is longer than 63 bytes"},
        {longest + "b", "'" + longest + "b' is no domain name: longer than 255 bytes"},
        {"ä.de", "'ä.de' is no domain name: expected ASCII characters"},
        {"a\\", "'a\\\\' is no domain name: expected ASCII characters"},
        {"\\256", "'\\\\256' is no domain name: expected ASCII characters"},
        {"\\1x", "'\\\\1x' is no domain name: expected ASCII characters"},
    };
    for (const auto& [text, message] : cases) {
        const auto parsed = dns_name::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().text(), message);
        EXPECT_EQ(parsed.error(), errc::invalid_argument);
    }
}

TEST(DnsName, ComparesWithoutRegardToCase) {
    EXPECT_EQ(name("WWW.example.ORG"), name("www.EXAMPLE.org"));
    EXPECT_NE(name("www.example.org"), name("www.example.com"));
    EXPECT_NE(name("a.b"), name(R"(a\.b)"));
    EXPECT_NE(name("["), name("{")) << "only letters have a case";
    EXPECT_FALSE(name("A").is_identical(name("a")));
    EXPECT_TRUE(name("aB").is_identical(name("aB")));
    EXPECT_TRUE(name("a") < name("B"));
    EXPECT_FALSE(name("B") < name("b"));
}

TEST(DnsName, KnowsItsAncestors) {
    EXPECT_TRUE(name("www.example.org").is_within(name("Example.ORG")));
    EXPECT_TRUE(name("example.org").is_within(name("example.org")));
    EXPECT_TRUE(name("example.org").is_within(dns_name()));
    EXPECT_TRUE(dns_name().is_within(dns_name()));
    EXPECT_FALSE(name("org").is_within(name("example.org")));
    EXPECT_FALSE(name("badexample.org").is_within(name("example.org")));
    EXPECT_FALSE(name(R"(www\.example.org)").is_within(name("example.org")));
}

TEST(DnsName, IsPutBelowAnother) {
    EXPECT_EQ(name("www").below(name("example.org"))->to_string(), "www.example.org");
    EXPECT_EQ(name("www").below(dns_name())->to_string(), "www");
    EXPECT_EQ(dns_name().below(name("org"))->to_string(), "org");
    const dns_name half = name(std::string(60, 'a') + "." + std::string(60, 'b'));
    EXPECT_TRUE(half.below(half));
    EXPECT_FALSE(half.below(*half.below(half)));
}

TEST(DnsName, ChangesCaseByRandomBits) {
    EXPECT_EQ(name("a1b.Cd").with_case(0).to_string(), "a1b.cd");
    EXPECT_EQ(name("a1b.cd").with_case(0b0101).to_string(), "A1b.Cd");
    EXPECT_EQ(name("a1b.cd").with_case(~0ULL).to_string(), "A1B.CD");
    EXPECT_EQ(name("a1b.cd").with_case(0b1010), name("a1b.cd"));
}

TEST(DnsName, NamesTheReverseOfAnAddress) {
    EXPECT_EQ(dns_name::reverse(ipv4_address(192, 0, 2, 1)).to_string(), "1.2.0.192.in-addr.arpa");
    EXPECT_EQ(dns_name::reverse(ipv6_address(0x2001'0db8'0000'0000, 0x567'89ab)).to_string(),
              "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(DnsName, FollowsCompression) {
    writer message = behind_header();
    message.name("example.org");      // at 12
    message.label("www").pointer(12); // at 25
    message.label("a").pointer(25);   // at 31
    message.pointer(31).u8(0xFF);     // at 35
    const auto read = dns_name::read(message.done(), 35, 37);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->name.to_string(), "a.www.example.org");
    EXPECT_EQ(read->next, 37U);
    EXPECT_EQ(dns_name::read(message.done(), 12, 25)->next, 25U);
    EXPECT_EQ(dns_name::read(message.done(), 31, 35)->next, 35U);
}

TEST(DnsName, RefusesPointersThatDoNotLeadBackwards) {
    const std::string refusal =
        "DNS name at byte 12: a compression pointer does not lead to an earlier name";
    EXPECT_EQ(why_not(behind_header().pointer(12), 12), refusal) << "itself";
    EXPECT_EQ(why_not(behind_header().pointer(14).u8(0), 12), refusal) << "forwards";
    EXPECT_EQ(why_not(behind_header().pointer(0x3FFF), 12), refusal) << "outside";
    EXPECT_EQ(why_not(behind_header().pointer(0), 12), refusal) << "into the header";
    EXPECT_EQ(why_not(behind_header().pointer(11), 12), refusal);
    EXPECT_EQ(why_not(behind_header().label("a").pointer(12), 12), refusal) << "its own label";
    EXPECT_EQ(why_not(behind_header().label("a").pointer(14), 12), refusal)
        << "itself, behind a label";

    writer two = behind_header();
    two.label("a").pointer(16).label("b").pointer(12); // at 12 and 16, each leading to the other
    EXPECT_EQ(why_not(two, 16),
              "DNS name at byte 16: a compression pointer does not lead to an earlier name");
}

TEST(DnsName, BoundsNamesThatCompressionMakesLong) {
    // Each name is one label longer than the one that it points to: the last is far too long.
    writer chain = behind_header();
    chain.name("x");
    std::size_t previous = 12;
    std::size_t last_good = 0;
    for (int i = 0; i < 300; ++i) {
        const std::size_t here = chain.size();
        chain.label("y").pointer(previous);
        previous = here;
        const auto read = dns_name::read(chain.done(), here, chain.size());
        last_good = read ? here : last_good;
        EXPECT_EQ(read.has_value(), i < 126) << i;
    }
    const auto longest = dns_name::read(chain.done(), last_good, chain.size());
    EXPECT_EQ(longest->name.label_count(), 127U);
    EXPECT_EQ(longest->name.wire().size(), 255U);
}

TEST(DnsName, BoundsPointersToPointers) {
    writer pointers = behind_header();
    pointers.name("x");
    std::size_t previous = 12;
    for (int i = 1; i < 1000; ++i) {
        const std::size_t here = pointers.size();
        pointers.pointer(previous);
        previous = here;
        EXPECT_EQ(why_not(pointers, here), i <= 127 ? "no error"
                                                    : "DNS name at byte " + std::to_string(here) +
                                                          ": too many compression pointers");
    }
}

TEST(DnsName, RefusesWhatIsCutOffOrUnknown) {
    EXPECT_EQ(why_not(behind_header(), 12), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(behind_header().u8(3).text("ab"), 12), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(behind_header().u8(3).text("abc"), 12), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(behind_header().u8(0xC0), 12), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(behind_header().u8(0x40).text(std::string(80, 'x')), 12),
              "DNS name at byte 12: unknown kind of label");
    EXPECT_EQ(why_not(behind_header().u8(0x80).text(std::string(80, 'x')), 12),
              "DNS name at byte 12: unknown kind of label");
    writer message = behind_header().name("example.org");
    EXPECT_FALSE(dns_name::read(message.done(), 12, 20)) << "its room ends before it does";
    EXPECT_FALSE(dns_name::read(message.done(), 12, 12));
}

} // namespace
} // namespace runnel
