// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/event_stream.hpp"

#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

std::string told(const std::vector<stream_event>& events) {
    std::string text;
    for (const stream_event& each : events) {
        text.append(each.type).append("|").append(each.data).append("|").append(each.id);
        text.append("\n");
    }
    return text;
}

TEST(EventStream, CarriesEventsAsTheyAreSent) {
    plain_server serving([](request&) -> task<response> {
        co_return event_stream([](event_writer& out) -> task<result<void>> {
            EXPECT_TRUE(co_await out.send_retry(3s));
            EXPECT_TRUE(co_await out.send("hello"));
            EXPECT_TRUE(co_await out.keep_alive());
            static_cast<void>(co_await sleep_for(10s));
            EXPECT_TRUE(co_await out.send("two\r\nlines\n", "kind", "7"));
            EXPECT_FALSE(co_await out.send("x", "a\nb"));
            co_return result<void>();
        });
    });
    with_server(serving, [](flow& with) -> task<void> {
        co_await write_text(with, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
        std::string text;
        while (!text.ends_with(":\n\n")) {
            text += co_await read_some(with, 1);
        }
        EXPECT_EQ(virtual_time(), 0s);
        text += co_await read_to_end(with);
        EXPECT_NE(text.find("Content-Type: text/event-stream\r\n"), std::string::npos);
        EXPECT_EQ(text.substr(text.find("\r\n\r\n") + 4),
                  "retry: 3000\n\ndata: hello\n\n:\n\n"
                  "event: kind\nid: 7\ndata: two\ndata: lines\ndata: \n\n");
    });
}

TEST(EventParser, ReadsEventsHoweverTheyAreCut) {
    const std::string text = "\xef\xbb\xbf: comment\ndata: a\ndata:b\n\nevent: kind\r\ndata:  c\r\n"
                             "id: 7\r\n\r\ndata\r\rnothing: x\nevent: lost\n\nretry: 50\ndata: d\n"
                             "retry: -1\nretry: x\n\ndata: never ended";
    const std::string expected = "message|a\nb|\nkind| c|7\nmessage||7\nmessage|d|7\n";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        event_parser parser(100);
        std::vector<stream_event> events;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            ASSERT_TRUE(parser.parse(std::string_view(text).substr(at, piece), events));
        }
        ASSERT_EQ(told(events), expected) << piece;
        EXPECT_EQ(parser.last_id(), "7");
        EXPECT_EQ(parser.retry(), 50ms);
    }
}

TEST(EventParser, BoundsAnEvent) {
    std::vector<stream_event> events;
    EXPECT_FALSE(event_parser(10).parse("data: 0123456789", events));
    EXPECT_FALSE(event_parser(10).parse("data:01\ndata:23\ndata:4567\n", events));
    EXPECT_TRUE(event_parser(10).parse("data:01\n\ndata:01\n\n", events));
    EXPECT_EQ(events.size(), 2U);
}

} // namespace
} // namespace runnel::http
