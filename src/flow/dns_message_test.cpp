// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_message.hpp"

#include "dns_test_message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using dns_test::responder;
using dns_test::writer;

dns_name name(std::string_view text) {
    return *dns_name::parse(text);
}

dns_query query_for(std::string_view text, dns_type type = dns_type::a) {
    return {.id = 0x1234, .question = {name(text), type}};
}

dns_response parsed(const std::vector<std::byte>& message) {
    auto read = parse_dns_response(message);
    EXPECT_TRUE(read) << read.error().text();
    return read ? std::move(*read) : dns_response();
}

std::string why_not(const writer& message) {
    const auto read = parse_dns_response(message.done());
    if (read) {
        return "no error";
    }
    EXPECT_EQ(read.error(), errc::protocol_error);
    return std::string(read.error().text());
}

/// A response with one answer for "x", whose data is up to the caller.
writer one_answer(dns_type type, unsigned size) {
    writer message;
    message.header(1, 0x8180, 1, 1).name("x").u16(1).u16(1);
    return message.pointer(12).record(type, 60, size);
}

TEST(DnsMessage, WritesQueries) {
    const std::vector<std::byte> plain =
        encode({.id = 0xABCD, .question = {name("ex.org"), dns_type::aaaa}, .udp_size = 0});
    EXPECT_EQ(plain, writer().header(0xABCD, 0x0100, 1, 0).name("ex.org").u16(28).u16(1).done());

    const std::vector<std::byte> extended = encode(query_for("ex.org"));
    EXPECT_EQ(extended, writer()
                            .header(0x1234, 0x0100, 1, 0, 0, 1)
                            .name("ex.org")
                            .u16(1)
                            .u16(1)
                            .u8(0)
                            .u16(41)
                            .u16(1232)
                            .u32(0)
                            .u16(0)
                            .done());
}

TEST(DnsMessage, ReadsEveryKnownKindOfRecord) {
    writer message;
    message.header(7, 0x8580, 1, 7, 2).name("x.org").u16(1).u16(1); // the name at 12, "org" at 14
    message.pointer(12).record(dns_type::a, 60, 4).u32(0xC0000201);
    message.pointer(12).record(dns_type::aaaa, 61, 16).u32(0x20010db8).u32(0).u32(0).u32(1);
    message.pointer(12).record(dns_type::cname, 62, 4).label("y").pointer(14);
    message.pointer(12).record(dns_type::ptr, 63, 2).pointer(12);
    message.pointer(12).record(dns_type::srv, 64, 10).u16(1).u16(2).u16(443).label("t").pointer(14);
    message.pointer(12).record(dns_type::txt, 65, 7).label("ab").label("").label("cd");
    message.pointer(12).record(dns_type{65}, 66, 3).text("???");
    message.pointer(12).record(dns_type::soa, 67, 24).pointer(12).pointer(12);
    message.u32(9).u32(2).u32(3).u32(4).u32(600);
    message.pointer(12).record(dns_type::ns, 68, 2).pointer(12);

    const dns_response read = parsed(message.done());
    EXPECT_EQ(read.id, 7);
    EXPECT_TRUE(read.authoritative);
    EXPECT_TRUE(read.recursion_available);
    EXPECT_FALSE(read.truncated);
    EXPECT_FALSE(read.edns);
    EXPECT_EQ(read.rcode, dns_rcode::no_error);
    EXPECT_EQ(read.question, (dns_question{name("x.org"), dns_type::a}));
    const dns_name owner = name("x.org");
    const std::vector<dns_record> answers{
        {owner, dns_type::a, 60, ipv4_address(192, 0, 2, 1)},
        {owner, dns_type::aaaa, 61, ipv6_address(0x2001'0db8'0000'0000, 1)},
        {owner, dns_type::cname, 62, name("y.org")},
        {owner, dns_type::ptr, 63, owner},
        {owner, dns_type::srv, 64, dns_srv{1, 2, 443, name("t.org")}},
        {owner, dns_type::txt, 65, dns_txt{{"ab", "", "cd"}}},
    };
    EXPECT_EQ(read.answers, answers);
    const std::vector<dns_record> authorities{
        {owner, dns_type::soa, 67, dns_soa{9, 600}},
        {owner, dns_type::ns, 68, owner},
    };
    EXPECT_EQ(read.authorities, authorities);
}

TEST(DnsMessage, ReadsTheExtendedCodeAndSkipsOtherAdditionalRecords) {
    writer message;
    message.header(1, 0x8180, 0, 0, 0, 2);
    message.u8(0).record(dns_type{99}, 0, 3).text("any");
    message.u8(0).u16(41).u16(4096).u32(0x0100'0000).u16(4).text("opts");
    const dns_response read = parsed(message.done());
    EXPECT_TRUE(read.edns);
    EXPECT_EQ(read.rcode, dns_rcode::bad_version);

    writer twice;
    twice.header(1, 0x8180, 0, 0, 0, 2);
    twice.u8(0).u16(41).u16(512).u32(0).u16(0).u8(0).u16(41).u16(512).u32(0).u16(0);
    EXPECT_EQ(why_not(twice), "DNS message, byte 34: more than one OPT record");
}

TEST(DnsMessage, LeavesOutWhatATruncatedResponseHolds) {
    writer message;
    message.header(1, 0x8380, 1, 5).name("x").u16(1).u16(1).pointer(12).u16(1);
    const dns_response read = parsed(message.done());
    EXPECT_TRUE(read.truncated);
    EXPECT_TRUE(read.question);
    EXPECT_TRUE(read.answers.empty());
}

TEST(DnsMessage, SkipsOtherClassesAndIgnoresTrailingBytes) {
    writer message;
    message.header(1, 0x8180, 0, 2);
    message.name("x").u16(1).u16(3).u32(60).u16(1).text("?"); // class CHAOS, not 4 bytes
    message.name("x").record(dns_type::a, 60, 4).u32(1);
    message.text("behind");
    EXPECT_EQ(parsed(message.done()).answers.size(), 1U);
}

TEST(DnsMessage, TakesATtlWithItsUppermostBitForZero) {
    writer message;
    message.header(1, 0x8180, 0, 2);
    message.name("x").record(dns_type::a, 0x8000'0000, 4).u32(1);
    message.name("x").record(dns_type::a, 0x7FFF'FFFF, 4).u32(1);
    const dns_response read = parsed(message.done());
    EXPECT_EQ(read.answers.at(0).ttl, 0U);
    EXPECT_EQ(read.answers.at(1).ttl, 0x7FFF'FFFFU);
}

TEST(DnsMessage, KeepsABoundedNumberOfRecords) {
    writer message;
    message.header(1, 0x8180, 1, 4000).name("x").u16(1).u16(1);
    for (unsigned i = 0; i < 4000; ++i) {
        message.pointer(12).record(dns_type::a, 60, 4).u32(i);
    }
    EXPECT_EQ(parsed(message.done()).answers.size(), dns_response::most_records);
}

TEST(DnsMessage, SaysWhatIsWrongWithAMessage) {
    EXPECT_EQ(why_not(writer()), "DNS message, byte 0: the header is cut off");
    EXPECT_EQ(why_not(writer().u32(0).u32(0).u16(0).u8(0)),
              "DNS message, byte 0: the header is cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x0100, 1, 0)),
              "DNS message, byte 4: no response to a standard query");
    EXPECT_EQ(why_not(writer().header(1, 0x9100, 1, 0)),
              "DNS message, byte 4: no response to a standard query");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 2, 0)),
              "DNS message, byte 12: more than one question");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 1, 0)), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 1, 0).name("x").u16(1).u8(0)),
              "DNS message, byte 15: the question is cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 1, 0).name("x").u16(1).u16(3)),
              "DNS message, byte 19: a question of another class than Internet");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 0, 1)), "DNS name at byte 12: cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 0, 1).name("x").u32(0).u32(0).u8(0)),
              "DNS message, byte 15: a record is cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 0, 1).name("x").record(dns_type::a, 1, 4).u16(1)),
              "DNS message, byte 25: the data of a record is cut off");
    EXPECT_EQ(why_not(writer().header(1, 0x8180, 0, 65535)), "DNS name at byte 12: cut off");
}

TEST(DnsMessage, ChecksTheDataOfEachType) {
    EXPECT_EQ(why_not(one_answer(dns_type::a, 4).u32(1)), "no error");
    EXPECT_EQ(why_not(one_answer(dns_type::a, 5).u32(1).u8(1)),
              "DNS message, byte 31: an A record is not 4 bytes");
    EXPECT_EQ(why_not(one_answer(dns_type::a, 0)),
              "DNS message, byte 31: an A record is not 4 bytes");
    EXPECT_EQ(why_not(one_answer(dns_type::aaaa, 4).u32(1)),
              "DNS message, byte 31: an AAAA record is not 16 bytes");
    EXPECT_EQ(why_not(one_answer(dns_type::cname, 3).u8(0).u16(0)),
              "DNS message, byte 31: a record's data goes on behind its name");
    EXPECT_EQ(why_not(one_answer(dns_type::cname, 2).label("a").u8(0)),
              "DNS name at byte 31: cut off")
        << "a name may not leave its record";
    EXPECT_EQ(why_not(one_answer(dns_type::cname, 2).pointer(31)),
              "DNS name at byte 31: a compression pointer does not lead to an earlier name");
    EXPECT_EQ(why_not(one_answer(dns_type::srv, 5).u32(1).u8(1)),
              "DNS message, byte 31: an SRV record is cut off");
    EXPECT_EQ(why_not(one_answer(dns_type::srv, 6).u32(1).u16(1)), "DNS name at byte 37: cut off");
    EXPECT_EQ(
        why_not(one_answer(dns_type::soa, 21).u8(0).u8(0).u32(1).u32(1).u32(1).u32(1).u16(1).u8(1)),
        "DNS message, byte 33: the numbers of an SOA record are not 20 bytes");
    EXPECT_EQ(why_not(one_answer(dns_type::soa, 1).u8(0)), "DNS name at byte 32: cut off");
    EXPECT_EQ(why_not(one_answer(dns_type::txt, 3).u8(3).text("ab")),
              "DNS message, byte 31: a string of a TXT record is cut off");
    EXPECT_EQ(why_not(one_answer(dns_type::txt, 0)), "no error");
}

TEST(DnsMessage, TellsWhichQueryAResponseBelongsTo) {
    const dns_query query = query_for("www.example.org");
    const auto wire = encode(query);
    EXPECT_TRUE(parsed(responder(wire).done()).answers_to(query));
    EXPECT_FALSE(parsed(responder(wire).id(0x1235).done()).answers_to(query));

    const auto other_name = encode(query_for("www.example.com"));
    EXPECT_FALSE(parsed(responder(other_name).done()).answers_to(query));
    const auto other_type = encode(query_for("www.example.org", dns_type::aaaa));
    EXPECT_FALSE(parsed(responder(other_type).done()).answers_to(query));

    const auto other_case = encode(query_for("WWW.example.org"));
    EXPECT_TRUE(parsed(responder(other_case).done()).answers_to(query));
    EXPECT_FALSE(parsed(responder(other_case).done()).answers_to(query, true));
    EXPECT_TRUE(parsed(responder(wire).done()).answers_to(query, true));
}

TEST(DnsMessage, NeedsNoQuestionToRefuse) {
    const dns_query query = query_for("x");
    const auto wire = encode(query);
    const auto without = [&](dns_rcode code) {
        return parsed(responder(wire).without_question().rcode(code).done()).answers_to(query);
    };
    EXPECT_TRUE(without(dns_rcode::format_error));
    EXPECT_TRUE(without(dns_rcode::refused));
    EXPECT_FALSE(without(dns_rcode::no_error));
    EXPECT_FALSE(without(dns_rcode::no_such_name));
}

TEST(DnsMessage, NamesTypesAndCodes) {
    std::string types;
    for (const unsigned type : {1U, 2U, 5U, 6U, 12U, 16U, 28U, 33U, 41U, 65U}) {
        types += to_string(static_cast<dns_type>(type)) + " ";
    }
    EXPECT_EQ(types, "A NS CNAME SOA PTR TXT AAAA SRV OPT TYPE65 ");
    std::string codes;
    for (const unsigned code : {0U, 1U, 2U, 3U, 4U, 5U, 16U, 9U}) {
        codes += to_string(static_cast<dns_rcode>(code)) + " ";
    }
    EXPECT_EQ(codes, "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED BADVERS RCODE9 ");
}

} // namespace
} // namespace runnel
