// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/chunked.hpp"

#include "engine_test.hpp"

namespace runnel::http {
namespace {

/// Feeds pieces of `piece` bytes; gives the data, the trailers and what is left, or the fault.
std::string decode_in_pieces(std::string_view text, std::size_t piece, chunk_limits limits) {
    chunked_decoder decoder(limits);
    std::string data;
    std::size_t at = 0;
    while (at != text.size()) {
        const std::size_t end = std::min(text.size(), at + piece);
        const exact_bytes bytes(text.substr(at, end - at));
        const auto step = decoder.decode(bytes.span());
        if (!step) {
            return describe(step.error());
        }
        EXPECT_LE(step->framing + step->data, bytes.span().size());
        EXPECT_NE(step->framing + step->data, 0U);
        data += text.substr(at + step->framing, step->data);
        at += step->framing + step->data;
        if (step->done) {
            for (const field each : decoder.trailers()) {
                data += "|" + std::string(each.name) + "=" + std::string(each.value);
            }
            return data + "|" + std::string(text.substr(at));
        }
    }
    return "more";
}

std::string decode(std::string_view text, chunk_limits limits = {}) {
    const std::string at_once = decode_in_pieces(text, text.size() + 1, limits);
    for (std::size_t piece = 1; piece < text.size() && piece < 40; ++piece) {
        EXPECT_EQ(decode_in_pieces(text, piece, limits), at_once) << piece << ": " << text;
    }
    return at_once;
}

TEST(Chunked, GivesTheDataInWhateverPiecesItComes) {
    EXPECT_EQ(decode("5\r\nhello\r\n0\r\n\r\nrest"), "hello|rest");
    EXPECT_EQ(decode("0\r\n\r\n"), "|");
    EXPECT_EQ(decode("00A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n"), "0123456789x|");
    EXPECT_EQ(decode("1\r\na\r\n0\r\nX: y\r\nContent-Length: 3\r\nZ: \r\n\r\nGET"), "a|X=y|Z=|GET");
}

TEST(Chunked, TakesWellFormedExtensions) {
    EXPECT_EQ(decode("1;a\r\nx\r\n1;a=b;c\r\ny\r\n0\r\n\r\n"), "xy|");
    EXPECT_EQ(decode("1;a=\"b;\\\" c\"\r\nx\r\n0;e\r\n\r\n"), "x|");
}

TEST(Chunked, RefusesEverythingElse) {
    for (const std::string_view text : {
             "0x5\r\nhello\r\n",
             "+5\r\nhello\r\n",
             "-5\r\nhello\r\n",
             "5_\r\nhello\r\n",
             "\r\nhello\r\n",
             " 5\r\nhello\r\n",
             "5 \r\nhello\r\n",
             "5\t\r\nhello\r\n",
             "g\r\n",
             "5\nhello\r\n",
             "5\rhello\r\n",
             "5\r\nhello\n",
             "5\r\nhellox\r\n",
             "5\r\nhello\rx",
             "5\r\nhello0\r\n\r\n",
             "00000000000000005\r\nhello",
             "8000000000000000\r\n",
             "FFFFFFFFFFFFFFFF\r\n",
             "10000000000000000\r\n",
             "1;\r\na\r\n",
             "1;a b\r\n",
             "1;a=\r\n",
             "1 ;a\r\n",
             "1; a\r\n",
             "1;a =b\r\n",
             "1;a=\"b\r\n",
             "1;a=\"b\"c\r\n",
             "1;a\n",
             "1;a\rb",
             "1;a=\x01\r\n",
             "1;a,b\r\n",
             "5,\r\n",
             "\n",
         }) {
        EXPECT_EQ(decode(text), "<HTTP: malformed chunked body>") << text;
    }
    EXPECT_EQ(decode(std::string_view("1;a=\"\0\"\r\n", 9)), "<HTTP: malformed chunked body>");
    for (const std::string_view text : {"0\r\nX : y\r\n\r\n", "0\r\n X: y\r\n\r\n",
                                        "0\r\nX\r\n\r\n", "0\r\nX: y\n\n", "0\r\n\n"}) {
        EXPECT_EQ(decode(text), "<HTTP: malformed field line>") << text;
    }
}

TEST(Chunked, WaitsForTheRest) {
    for (const std::string_view text : {"", "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello\r\n",
                                        "0\r\n", "0\r\n\r", "0\r\nA: b\r\n"}) {
        EXPECT_EQ(decode(text), "more") << text;
    }
    EXPECT_EQ(decode("7fffffffffffffff\r\nx"), "more");
}

TEST(Chunked, KeepsItsLimits) {
    const chunk_limits limits{
        .extension = 4, .extensions = 6, .trailers = {.line = 10, .head = 12, .fields = 1}};
    EXPECT_EQ(decode("1;ab\r\nx\r\n0\r\n\r\n", limits), "x|");
    EXPECT_EQ(decode("1;abcde\r\nx\r\n0\r\n\r\n", limits), "<HTTP: chunk extensions too long>");
    EXPECT_EQ(decode("1;a\r\nx\r\n1;a\r\nx\r\n1;a\r\nx\r\n1;a\r\n", limits),
              "<HTTP: chunk extensions too long>");
    EXPECT_EQ(decode("0\r\nA: bcdef\r\n\r\n", limits), "|A=bcdef|");
    EXPECT_EQ(decode("0\r\nA: bcdefgh\r\n\r\n", limits), "<HTTP: head too long>");
    EXPECT_EQ(decode("0\r\nA:\r\nB:\r\n\r\n", limits), "<HTTP: too many fields>");
}

TEST(Chunked, LinesInFrontOfChunksAreHexadecimal) {
    EXPECT_EQ(chunk_line(1).text(), "1\r\n");
    EXPECT_EQ(chunk_line(0xabc0).text(), "abc0\r\n");
    EXPECT_EQ(chunk_line(~std::size_t{0}).text(), "ffffffffffffffff\r\n");
}

} // namespace
} // namespace runnel::http
