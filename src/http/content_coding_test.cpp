// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/content_coding.hpp"

#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <string>

namespace runnel::http {
namespace {

constexpr content_coding all_codings[] = {content_coding::gzip, content_coding::zstd,
                                          content_coding::brotli};

std::string encode(content_coding coding, std::string_view text) {
    buffer_queue out;
    make_encoder(coding)->encode(as_bytes(text), content_encoder::end::whole, out);
    std::string coded;
    while (!out.empty()) {
        coded += out.pop_front().view();
    }
    return coded;
}

/// What comes of coded content in pieces; "<cut>" or "<wrong>" behind it if that is what it is.
std::string decode(content_coding coding, std::string_view coded, std::size_t piece) {
    const auto decoder = make_decoder(coding);
    std::string text;
    for (std::size_t at = 0; at < coded.size(); at += piece) {
        std::span<const std::byte> data = as_bytes(coded.substr(at, piece));
        for (;;) {
            const result<buffer> step = decoder->decode(data);
            if (!step) {
                return text + "<wrong>";
            }
            text += step->view();
            if (step->empty()) {
                break;
            }
        }
    }
    return decoder->complete() ? text : text + "<cut>";
}

std::string some_text(std::size_t size) {
    std::string text;
    for (std::size_t count = 0; text.size() < size; ++count) {
        text += "line " + std::to_string(count * count % 1000) + "\n";
    }
    text.resize(size);
    return text;
}

TEST(ContentCoding, TakesFramesOfZstdThatAreSkippedAndNoneOfItsOlderFormats) {
    const std::string skipped("\x5A\x2A\x4D\x18\x03\0\0\0abc", 11);
    const std::string coded = skipped + encode(content_coding::zstd, "text") + skipped;
    const std::string older("\x25\xB5\x2F\xFD\0\x40\xCA\x62\x09\x6C", 10);
    for (const std::size_t piece : {1U, 3U, 1000U}) {
        EXPECT_EQ(decode(content_coding::zstd, coded, piece), "text");
        EXPECT_EQ(decode(content_coding::zstd, older, piece), "<wrong>");
        EXPECT_EQ(decode(content_coding::zstd, coded + older, piece), "text<wrong>");
    }
}

TEST(ContentCoding, GivesBackWhatItWasGivenHoweverItIsCut) {
    for (const content_coding coding : all_codings) {
        for (const std::size_t size : {0U, 1U, 1000U, 200000U}) {
            const std::string text = some_text(size);
            const std::string coded = encode(coding, text);
            for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, coded.size()}) {
                ASSERT_EQ(decode(coding, coded, piece), text) << name_of(coding) << size;
            }
        }
        const std::string coded = encode(coding, some_text(5000));
        for (std::size_t size = 1; size < coded.size(); size += 17) {
            EXPECT_TRUE(decode(coding, coded.substr(0, size), 100).ends_with("<cut>"));
        }
        EXPECT_TRUE(decode(coding, "certainly not this", 100).ends_with(">"));
        EXPECT_TRUE(decode(coding, coded + "more", 100).ends_with(">"));
    }
}

TEST(ContentCoding, GivesWhatWasFlushedAtOnce) {
    for (const content_coding coding : all_codings) {
        const auto encoder = make_encoder(coding);
        const auto decoder = make_decoder(coding);
        for (const std::string_view text : {"one", "two", "three"}) {
            buffer_queue out;
            encoder->encode(as_bytes(text), content_encoder::end::flush, out);
            std::string seen;
            while (!out.empty()) {
                const buffer piece = out.pop_front();
                std::span<const std::byte> data = piece.span();
                for (result<buffer> step = decoder->decode(data); step && !step->empty();
                     step = decoder->decode(data)) {
                    seen += step->view();
                }
            }
            EXPECT_EQ(seen, text) << name_of(coding);
        }
    }
}

/// The head and the body of an answer to a request with these fields.
std::pair<std::string, std::string> ask(server& serving, std::string_view fields,
                                        std::string_view body = "") {
    std::string text = "PUT / HTTP/1.1\r\nHost: h\r\n";
    text.append(fields).append("Content-Length: ").append(std::to_string(body.size()));
    const std::string answer = answers_to(serving, text.append("\r\n\r\n").append(body));
    const std::size_t end = answer.find("\r\n\r\n");
    return {answer.substr(0, end + 2), answer.substr(end + 4)};
}

/// The data of a chunked body.
std::string unchunked(std::string_view body) {
    std::string text;
    for (;;) {
        const std::size_t line = body.find("\r\n");
        const auto size =
            static_cast<std::size_t>(std::stoul(std::string(body.substr(0, line)), nullptr, 16));
        if (size == 0) {
            return text;
        }
        text += body.substr(line + 2, size);
        body.remove_prefix(line + 2 + size + 2);
    }
}

handler tell(std::string text, std::string_view type = "text/html") {
    return [text = std::move(text), type](request&) -> task<response> {
        response made(status::ok, type, buffer::copy_of(text));
        made.add("ETag", "\"1\"");
        co_return made;
    };
}

TEST(Compress, CodesWhatTheClientWantsMost) {
    const std::string text = some_text(100000);
    plain_server serving(wrap(tell(text), compress()));
    const auto check = [&](std::string_view accepts, content_coding coding) {
        const auto [head, body] = ask(serving, "Accept-Encoding: " + std::string(accepts) + "\r\n");
        const std::string named = "Content-Encoding: " + std::string(name_of(coding)) + "\r\n";
        EXPECT_NE(head.find(named), std::string::npos) << accepts << head;
        EXPECT_NE(head.find("Vary: Accept-Encoding\r\n"), std::string::npos);
        EXPECT_NE(head.find("ETag: W/\"1\"\r\n"), std::string::npos);
        EXPECT_LT(body.size(), text.size() / 2);
        EXPECT_EQ(decode(coding, unchunked(body), 1000), text);
    };
    check("gzip", content_coding::gzip);
    check("gzip, br", content_coding::brotli);
    check("gzip, br, zstd", content_coding::zstd);
    check("zstd;q=0.5, gzip", content_coding::gzip);
    check("*", content_coding::zstd);
    check("zstd;q=0, *", content_coding::brotli);
    for (const std::string_view accepts :
         {"", "identity", "gzip;q=0", "x", "gzip;q=0.1, identity"}) {
        const auto [head, body] = ask(serving, "Accept-Encoding: " + std::string(accepts) + "\r\n");
        EXPECT_EQ(head.find("Content-Encoding"), std::string::npos) << accepts;
        EXPECT_NE(head.find("Vary: Accept-Encoding\r\n"), std::string::npos);
        EXPECT_EQ(body, text);
    }
}

TEST(Compress, LeavesAloneWhatItWouldNotMakeSmallerOrMustNotChange) {
    const std::string text = some_text(5000);
    const auto untouched = [&](handler inside) {
        plain_server serving(wrap(std::move(inside), compress()));
        const auto [head, body] = ask(serving, "Accept-Encoding: gzip\r\n");
        return head.find("Content-Encoding: gzip") == std::string::npos &&
               head.find("Vary") == std::string::npos;
    };
    EXPECT_TRUE(untouched(tell("short")));
    EXPECT_TRUE(untouched(tell(text, "image/png")));
    EXPECT_TRUE(untouched(tell(text, "text/event-stream")));
    const auto with_field = [&](std::string_view name, std::string_view value) {
        return [=](request&) -> task<response> {
            response made(status::ok, "text/plain", buffer::copy_of(text));
            made.add(name, value);
            co_return made;
        };
    };
    EXPECT_TRUE(untouched(with_field("Content-Encoding", "br")));
    EXPECT_TRUE(untouched(with_field("Cache-Control", "private, no-transform")));
    EXPECT_TRUE(untouched(with_field("Content-Range", "bytes 0-4999/10000")));
    EXPECT_FALSE(untouched(with_field("Cache-Control", "private")));
    for (const std::string_view type :
         {"text/css; charset=utf-8", "application/json", "application/ld+json", "image/svg+xml"}) {
        EXPECT_TRUE(is_compressible(type)) << type;
    }
    for (const std::string_view type : {"", "text", "text/", "video/mp4", "application/zip"}) {
        EXPECT_FALSE(is_compressible(type)) << type;
    }
}

TEST(Decompress, GivesHandlersWhatWasMeantWithinTheLimit) {
    const auto echo = [](request& asked) -> task<response> {
        const result<buffer> body = co_await asked.body().read_all(1000000);
        co_return response::text(status::ok,
                                 body ? body->view() : runnel::describe(body.error().kind()));
    };
    plain_server serving(wrap(echo, decompress(10000)));
    for (const content_coding coding : all_codings) {
        const std::string field = "Content-Encoding: " + std::string(name_of(coding)) + "\r\n";
        const std::string text = some_text(5000);
        EXPECT_EQ(ask(serving, field, encode(coding, text)).second, text);
        const std::string bomb = encode(coding, std::string(1000000, 'x'));
        EXPECT_EQ(ask(serving, field, bomb).second, runnel::describe(errc::limit_exceeded));
        const std::string cut = encode(coding, text);
        EXPECT_EQ(ask(serving, field, cut.substr(0, cut.size() / 2)).second,
                  runnel::describe(errc::truncated));
        EXPECT_EQ(ask(serving, field, "\x01garbage").second,
                  runnel::describe(errc::protocol_error));
    }
    EXPECT_EQ(ask(serving, "", "plain").second, "plain");
    EXPECT_TRUE(ask(serving, "Content-Encoding: other\r\n", "x")
                    .first.starts_with("HTTP/1.1 415 Unsupported Media Type\r\n"));
}

} // namespace
} // namespace runnel::http
