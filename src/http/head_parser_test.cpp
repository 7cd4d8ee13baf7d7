// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/head_parser.hpp"

#include "character.hpp"
#include "engine_test.hpp"
#include "scan_kernels.hpp"

namespace runnel::http {
namespace {

using kind = head_parser::kind;

TEST(HeadParser, ReadsARequestInWhateverPiecesItComes) {
    EXPECT_EQ(parse_head("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nAccept:\t */* \t\r\n"
                         "X-Empty:\r\nX-Blank: \t \r\n\r\nrest"),
              "GET|/a?b=c|1|Host=example.org|Accept=*/*|X-Empty=|X-Blank=|81");
    EXPECT_EQ(parse_head("POST * HTTP/1.0\r\n\r\n"), "POST|*|0|19");
    EXPECT_EQ(parse_head("M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.7\r\n\r\n"),
              "M-SEARCH!#$%&'*+.^_`|~|/|7|37");
    EXPECT_EQ(parse_head("GET / HTTP/1.1\r\nA: \xc3\xa4\r\n\r\n"), "GET|/|1|A=\xc3\xa4|25");
}

TEST(HeadParser, ReadsAResponseInWhateverPiecesItComes) {
    EXPECT_EQ(parse_head("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", kind::response), "200|OK|1|A=b|25");
    EXPECT_EQ(parse_head("HTTP/1.0 404 Not \xe4 found\r\n\r\n", kind::response),
              "404|Not \xe4 found|0|28");
    EXPECT_EQ(parse_head("HTTP/1.1 204 \r\n\r\n", kind::response), "204||1|17");
    EXPECT_EQ(parse_head("HTTP/1.1 204\r\n\r\n", kind::response), "204||1|16");
}

TEST(HeadParser, RefusesStatusLinesThatAreNone) {
    for (const std::string_view line :
         {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1  200 OK",
          "HTTP/1.1 2x0 OK", "HTTP/1.1200 OK", "http/1.1 200 OK", "HTTP/1.1 200 a\x01",
          "HTTP/1.1 200\tOK", "HTTP/1.1", "200 OK", " HTTP/1.1 200 OK", "ICY 200 OK"}) {
        EXPECT_EQ(parse_head(std::string(line) + "\r\n\r\n", kind::response),
                  "<HTTP: malformed first line>")
            << line;
    }
    EXPECT_EQ(parse_head("HTTP/2.0 200 OK\r\n\r\n", kind::response),
              "<HTTP: version is not 1.0 or 1.1>");
}

TEST(HeadParser, IgnoresOneEmptyLineBeforeARequestAndNoMore) {
    EXPECT_EQ(parse_head("\r\nGET / HTTP/1.1\r\n\r\n"), "GET|/|1|20");
    EXPECT_EQ(parse_head("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), "<HTTP: malformed first line>");
    EXPECT_EQ(parse_head("\nGET / HTTP/1.1\r\n\r\n"), "<HTTP: malformed first line>");
    EXPECT_EQ(parse_head("\r\nHTTP/1.1 200 OK\r\n\r\n", kind::response),
              "<HTTP: malformed first line>");
}

TEST(HeadParser, SaysAtTheFirstByteWhatIsNoHttp) {
    EXPECT_EQ(parse_head("\x16\x03\x01"), "<HTTP: malformed first line>"); // a TLS record
    EXPECT_EQ(parse_head(" "), "<HTTP: malformed first line>");
}

TEST(HeadParser, WaitsForTheRestOfAHead) {
    for (const std::string_view text :
         {"", "G", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n",
          "GET / HTTP/1.1\r\nA: b\r\n\r", "GET /\x01"}) {
        EXPECT_EQ(parse_head(text), "more") << text;
    }
}

TEST(HeadParser, RefusesRequestLinesThatAreNone) {
    for (const std::string_view line : {
             "GET /",
             "GET  / HTTP/1.1",
             "GET / HTTP/1.1 ",
             "GET /  HTTP/1.1",
             "GET /\tHTTP/1.1",
             "GET\t/ HTTP/1.1",
             "GET / http/1.1",
             "GET / HTTP/1.10",
             "GET / HTTP/01.1",
             "GET / HTTP/1.",
             "GET / HTTP/.1",
             "GET / HTTP/0.9",
             "GET / HTTPS/1.1",
             "GET / HTTP1.1",
             "GET /a b HTTP/1.1",
             "G@T / HTTP/1.1",
             "GET /\x7f HTTP/1.1",
             "GET /\x01 HTTP/1.1",
             "GET /\xc3\xa4 HTTP/1.1",
             "GET / HTTP/1.1\rX: y",
             "GET  HTTP/1.1",
             "GET HTTP/1.1",
             "/",
         }) {
        EXPECT_EQ(answer_to_head(std::string(line) + "\r\nHost: h\r\n\r\n"), 400U) << line;
    }
    EXPECT_EQ(answer_to_head(std::string_view("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28)), 400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\nHost: h\n\n"), 400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\nHost: h\r\n\r\n"), 400U);
    for (const std::string_view line :
         {"GET / HTTP/2.0", "GET / HTTP/9.9", "PRI * HTTP/2.0", "GET / HTTP/3.1"}) {
        EXPECT_EQ(answer_to_head(std::string(line) + "\r\n\r\n"), 505U) << line;
    }
}

TEST(HeadParser, RefusesFieldLinesThatAreNone) {
    for (const std::string_view line : {
             "A : b",
             "A\t: b",
             " A: b",
             "\tA: b",
             "A",
             ": b",
             "A b: c",
             "A(b): c",
             "A\x01: b",
             "A\xa0: b",
             "A: b\x01",
             "A: b\x7f",
             "A: b\rc",
             "A: b\nC: d",
             "A: b\n",
             "A: b\r",
             "A: b\r\n c",
             "A: b\r\n\tc",
             "\xef\xbb\xbfHost: h",
         }) {
        EXPECT_EQ(answer_to_head("GET / HTTP/1.1\r\nHost: h\r\n" + std::string(line) + "\r\n\r\n"),
                  400U)
            << line;
    }
    EXPECT_EQ(answer_to_head(std::string("GET / HTTP/1.1\r\nHost: h\r\nA: b") + '\0' + "\r\n\r\n"),
              400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\r\nHost: h\n\r\n"), 400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\r\nHost: h\r\n\n"), 400U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\r\nHost: h\r\n\r\r\n"), 400U);
}

TEST(HeadParser, KeepsEveryLimitToTheByte) {
    const head_limits limits{.line = 30, .head = 60, .fields = 2};
    const auto line_of = [](std::size_t size) {
        return "GET /" + std::string(size - 16, 'x') + " HTTP/1.1\r\n";
    };
    EXPECT_EQ(parse_head(line_of(30) + "\r\n", kind::request, limits).substr(0, 4), "GET|");
    EXPECT_EQ(parse_head(line_of(31) + "\r\n", kind::request, limits),
              "<HTTP: first line too long>");
    EXPECT_EQ(answer_to_head(line_of(31) + "\r\n", limits), 414U);
    const auto head_of = [&](std::size_t size) {
        return line_of(20) + "A: " + std::string(size - 27, 'x') + "\r\n\r\n";
    };
    EXPECT_EQ(parse_head(head_of(60), kind::request, limits).substr(0, 4), "GET|");
    EXPECT_EQ(parse_head(head_of(61), kind::request, limits), "<HTTP: head too long>");
    EXPECT_EQ(answer_to_head(head_of(61), limits), 431U);
    EXPECT_EQ(parse_head(line_of(20) + "A:\r\nB:\r\n\r\n", kind::request, limits).substr(0, 4),
              "GET|");
    EXPECT_EQ(answer_to_head(line_of(20) + "A:\r\nB:\r\nC:\r\n\r\n", limits), 431U);
    EXPECT_EQ(answer_to_head(std::string(70000, 'G')), 414U);
    EXPECT_EQ(answer_to_head("GET / HTTP/1.1\r\n" + std::string(70000, 'G')), 431U);
}

TEST(HeadParser, LooksIntoEveryByteOfALongHead) {
    // Places before, on and behind the borders of blocks and windows.
    std::string text = "GET / HTTP/1.1\r\n";
    for (std::size_t size = 0; size < 90; ++size) {
        text += "Name-" + std::to_string(size) + ": " + std::string(size * 2, 'v') + "\r\n";
    }
    text += "\r\n";
    head_parser parser(kind::request);
    const exact_bytes whole(text);
    ASSERT_EQ(parser.parse(whole.span()), true);
    EXPECT_EQ(parser.size(), text.size());
    EXPECT_EQ(parser.fields().size(), 90U);
    for (std::size_t size = 0; size < 90; ++size) {
        EXPECT_EQ(parser.fields()[size].value.size(), size * 2);
    }
    for (std::size_t at = 16; at + 2 < text.size(); ++at) {
        std::string broken = text;
        broken[at] = '\x01';
        const exact_bytes bytes(broken);
        parser.reset();
        ASSERT_FALSE(parser.parse(bytes.span()).has_value()) << at;
    }
}

TEST(HeadParser, DropsTrailersThatMustNotBeThere) {
    head_parser parser(kind::trailers);
    const exact_bytes bytes("X: 1\r\nContent-Length: 5\r\nhost: h\r\nY: 2\r\n"
                            "AUTHORIZATION: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    ASSERT_EQ(parser.parse(bytes.span()), true);
    parser.drop_forbidden_trailers();
    EXPECT_EQ(describe(parser, kind::trailers).substr(0, 9), "|X=1|Y=2|");
}

TEST(Fields, AreFoundByNamesInAnyCase) {
    head_parser parser(kind::trailers);
    const exact_bytes bytes("Accept: a\r\nACCEPT: b\r\nx: c\r\n\r\n");
    ASSERT_EQ(parser.parse(bytes.span()), true);
    EXPECT_EQ(parser.fields().find("accept"), "a");
    EXPECT_EQ(parser.fields().count("aCCept"), 2U);
    EXPECT_EQ(parser.fields().find("X"), "c");
    EXPECT_EQ(parser.fields().find("Acc"), std::nullopt);
}

TEST(Scan, EqualsTheTableForEveryByteAtEveryPlaceWithEveryKernel) {
    for (const scan_kernel& kernel : scan_kernels()) {
        for (std::size_t size = 1; size <= 200; ++size) {
            std::string text(size, 'a');
            for (std::size_t at = 0; at < size; ++at) {
                text[at] = static_cast<char>(at * 37 + size * 11);
            }
            const exact_bytes bytes(text);
            std::vector<scan_block> blocks((size + 63) / 64);
            kernel.classify(reinterpret_cast<const char*>(bytes.span().data()), size,
                            blocks.data());
            for (std::size_t at = 0; at < blocks.size() * 64; ++at) {
                const bool inside = at < size;
                ASSERT_EQ((blocks[at / 64].controls >> at % 64 & 1U) != 0,
                          inside && has(text[at], is_control))
                    << kernel.name << " " << size << " " << at;
                ASSERT_EQ((blocks[at / 64].delimiters >> at % 64 & 1U) != 0,
                          inside && has(text[at], is_delimiter))
                    << kernel.name << " " << size << " " << at;
            }
        }
    }
}

} // namespace
} // namespace runnel::http
