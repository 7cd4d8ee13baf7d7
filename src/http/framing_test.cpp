// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/framing.hpp"

#include "engine_test.hpp"
#include "runnel/http/list.hpp"

namespace runnel::http {
namespace {

unsigned answer_with(std::string_view lines, std::string_view first = "POST / HTTP/1.1") {
    return answer_to_head(std::string(first) + "\r\nHost: h\r\n" + std::string(lines) + "\r\n\r\n");
}

/// What a request or a response says: kind of body and length, and what else is set.
template <class Rules>
std::string text_of_rules(const result<Rules>& rules) {
    if (!rules) {
        return describe(rules.error());
    }
    static constexpr std::array<std::string_view, 5> kinds{"none", "length", "chunked", "until end",
                                                           "tunnel"};
    std::string text(kinds[static_cast<std::size_t>(rules->body.kind)]);
    if (rules->body.kind == body_kind::length) {
        text += " " + std::to_string(rules->body.length);
    }
    return text + (rules->keep_alive ? ", open" : ", close");
}

std::string rules_of_request(std::string_view text) {
    const exact_bytes bytes(text);
    head_parser parser(head_parser::kind::request);
    EXPECT_EQ(parser.parse(bytes.span()), true) << text;
    return text_of_rules(examine(parser.request()));
}

std::string rules_of_response(std::string_view text, method asked = method::get) {
    const exact_bytes bytes(text);
    head_parser parser(head_parser::kind::response);
    EXPECT_EQ(parser.parse(bytes.span()), true) << text;
    return text_of_rules(examine(parser.response(), asked));
}

TEST(Framing, OfARequestFollowsItsFields) {
    EXPECT_EQ(rules_of_request("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "none, open");
    EXPECT_EQ(rules_of_request("GET / HTTP/1.0\r\n\r\n"), "none, close");
    EXPECT_EQ(rules_of_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), "none, open");
    EXPECT_EQ(rules_of_request("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"),
              "none, close");
    EXPECT_EQ(rules_of_request("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 007\r\n\r\n"),
              "length 7, open");
    EXPECT_EQ(rules_of_request(
                  "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n"),
              "length 9223372036854775807, open");
    EXPECT_EQ(rules_of_request("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"),
              "chunked, open");
}

TEST(Framing, RefusesEveryContentLengthThatIsNotOneNumber) {
    for (const std::string_view value :
         {"+5", "-5", "0x10", "1_0", "5 5", "5.0", "", "five", "5a", "9223372036854775808",
          "18446744073709551621", "5, 5", "5,6", "5,", ",5",
          "\xa0"
          "5",
          "5\xa0", "'5'"}) {
        EXPECT_EQ(answer_with("Content-Length: " + std::string(value)), 400U) << value;
    }
    EXPECT_EQ(answer_with("Content-Length: 5\r\nContent-Length: 5"), 400U);
    EXPECT_EQ(answer_with("Content-Length: 5\r\ncontent-length: 6"), 400U);
}

TEST(Framing, RefusesEveryTransferEncodingThatIsNotChunkedAlone) {
    for (const std::string_view value :
         {"xchunked", "identity", "chunked, chunked", "chunked, identity", "\"chunked\"",
          "chunked;q=1", "chunked\xa0",
          "\xa0"
          "chunked",
          "", "chunked,", ",chunked", "gzip", "chunked gzip", "chun ked", "gzip, identity"}) {
        EXPECT_EQ(answer_with("Transfer-Encoding: " + std::string(value)), 400U) << value;
    }
    EXPECT_EQ(answer_with("Transfer-Encoding: chunked\v"), 400U);
    EXPECT_EQ(answer_with("Transfer-Encoding: gzip, chunked"), 501U);
    EXPECT_EQ(answer_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501U);
    EXPECT_EQ(answer_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400U);
    EXPECT_EQ(answer_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), 400U);
    EXPECT_EQ(answer_with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400U);
    EXPECT_EQ(answer_with("Content-Length: 0\r\nTransfer-Encoding: chunked"), 400U);
    EXPECT_EQ(answer_with("Transfer-Encoding: chunked", "POST / HTTP/1.0"), 400U);
}

TEST(Framing, WantsOneHostThatIsOne) {
    const auto with_hosts = [](std::string_view lines, std::string_view target = "/") {
        return answer_to_head("GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(lines) +
                              "\r\n");
    };
    EXPECT_EQ(with_hosts("Host: example.org:8080\r\n"), 200U);
    EXPECT_EQ(with_hosts("Host: [::1]:80\r\n"), 200U);
    EXPECT_EQ(with_hosts("Host:\r\n"), 200U);
    EXPECT_EQ(with_hosts(""), 400U);
    EXPECT_EQ(with_hosts("Host: a\r\nHost: a\r\n"), 400U);
    for (const std::string_view host :
         {"a b", "a/b",  "a@b", "a,b",  "a:b", "a:65536", "a:80:80", "[::1", "[::1]x",  "[]", "a?b",
          "a#b", "a\\b", "a%4", "a%zz", "::1", "[g]",     "a\"b",    "<a>",  "\xc3\xa4"}) {
        EXPECT_EQ(with_hosts("Host: " + std::string(host) + "\r\n"), 400U) << host;
    }
    EXPECT_EQ(with_hosts("Host: a\r\n", "http://A/x"), 200U);
    EXPECT_EQ(with_hosts("Host: b\r\n", "http://a/x"), 400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.0\r\n\r\n"), 200U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400U);
}

TEST(Framing, WantsTheFormOfTargetThatTheMethodTakes) {
    for (const std::string_view line :
         {"GET *", "GET example.org:80", "GET example.org", "CONNECT /", "CONNECT h",
          "CONNECT http://h/", "CONNECT h:", "CONNECT *", "GET http:///x", "GET http://u@h/",
          "GET /a#b", "GET ://h/", "GET h//x", "CONNECT u@h:80", "CONNECT h:80/"}) {
        EXPECT_EQ(answer_with("", std::string(line) + " HTTP/1.1"), 400U) << line;
    }
    EXPECT_EQ(answer_with("X: y", "OPTIONS * HTTP/1.1"), 200U);
    EXPECT_EQ(answer_with("X: y", "CONNECT other:443 HTTP/1.1"), 200U);
}

TEST(Framing, TakesNoExpectationButOne) {
    EXPECT_EQ(answer_with("Expect: 100-Continue\r\nContent-Length: 5"), 200U);
    EXPECT_EQ(answer_with("Expect: 200-ok"), 417U);
    EXPECT_EQ(answer_with("Expect: 100-continue, x"), 417U);
    EXPECT_EQ(answer_with("Expect: 100-continue\r\nExpect: 100-continue"), 417U);
}

TEST(Framing, OfAResponseFollowsTheRequestToo) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(rules_of_response(ok + "Content-Length: 5\r\n\r\n"), "length 5, open");
    EXPECT_EQ(rules_of_response(ok + "Content-Length: 5\r\n\r\n", method::head), "none, open");
    EXPECT_EQ(rules_of_response(ok + "Transfer-Encoding: chunked\r\n\r\n"), "chunked, open");
    EXPECT_EQ(rules_of_response(ok + "\r\n"), "until end, close");
    EXPECT_EQ(rules_of_response(ok + "\r\n", method::head), "none, open");
    EXPECT_EQ(rules_of_response(ok + "\r\n", method::connect), "tunnel, open");
    EXPECT_EQ(rules_of_response("HTTP/1.1 101 S\r\n\r\n"), "tunnel, open");
    EXPECT_EQ(rules_of_response("HTTP/1.1 407 P\r\nContent-Length: 3\r\n\r\n", method::connect),
              "length 3, open");
    EXPECT_EQ(rules_of_response("HTTP/1.1 204 N\r\n\r\n"), "none, open");
    EXPECT_EQ(rules_of_response("HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n"), "none, open");
    EXPECT_EQ(rules_of_response("HTTP/1.1 100 C\r\n\r\n"), "none, open");
    EXPECT_EQ(rules_of_response("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), "length 1, close");
    for (const std::string_view lines :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: -1\r\n",
          "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n"}) {
        EXPECT_EQ(rules_of_response(ok + std::string(lines) + "\r\n").front(), '<') << lines;
    }
}

TEST(List, SplitsAtCommasOutsideOfQuotes) {
    list_reader list(" a , \"b,\\\"c\" ,, d\t,");
    std::string all;
    for (std::string_view each; list.next(each);) {
        all += "[" + std::string(each) + "]";
    }
    EXPECT_EQ(all, "[a][\"b,\\\"c\"][d]");
}

} // namespace
} // namespace runnel::http
