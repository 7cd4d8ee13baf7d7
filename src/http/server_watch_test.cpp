// SPDX-License-Identifier: Apache-2.0
// What a server does while a handler is at work: it watches the client and the clock.

#include "runnel/async/sleep.hpp"
#include "runnel/http/server.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

/// A handler that takes a minute, and notes whether it was let.
handler slow(std::string& seen) {
    return [&seen](request& asked) -> task<response> {
        static_cast<void>(co_await asked.body().read_all(100));
        const result<void> slept = co_await sleep_for(60s);
        seen = slept ? "slept" : std::string(runnel::describe(slept.error().kind()));
        co_return response::text(status::ok, "late");
    };
}

TEST(Server, CancelsTheHandlerOfAClientThatLeaves) {
    std::string seen;
    plain_server serving(slow(seen));
    const auto leave = [&](std::string_view sent) {
        with_server(serving, [&](flow& with) -> task<void> {
            co_await write_text(with, sent);
            static_cast<void>(co_await sleep_for(1s));
            with.abort();
            static_cast<void>(co_await sleep_for(1s));
            EXPECT_EQ(seen, "cancelled");
        });
        EXPECT_EQ(std::exchange(seen, ""), "cancelled") << sent;
    };
    leave("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    leave("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_EQ(serving.statistics().abandoned, 2U);
}

TEST(Server, TakesAClientThatEndsItsSideAsTheOptionSays) {
    std::string seen;
    plain_server patient(slow(seen));
    EXPECT_TRUE(answers_to(patient, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").ends_with("late"));
    EXPECT_EQ(seen, "slept");
    plain_server strict(slow(seen), {.half_close = false});
    EXPECT_EQ(answers_to(strict, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              "<connection reset by the peer>");
    EXPECT_EQ(seen, "cancelled");
}

TEST(Server, LosesNothingOfTheRequestsThatComeWhileItAnswers) {
    plain_server serving([](request& asked) -> task<response> {
        static_cast<void>(co_await sleep_for(10s));
        co_return response::text(status::ok, asked.path());
    });
    std::string answers;
    with_server(serving, [&](flow& with) -> task<void> {
        for (const std::string_view part :
             {"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", "GE", "T /2 HTTP/1.1\r\nHost: h\r\n\r\n"}) {
            co_await write_text(with, part);
            static_cast<void>(co_await sleep_for(1s));
        }
        static_cast<void>(co_await with.shutdown(direction::write));
        answers = co_await read_to_end(with);
    });
    EXPECT_NE(answers.find("/1HTTP/1.1 200"), std::string::npos);
    EXPECT_TRUE(answers.ends_with("/2"));
}

TEST(Server, StopsAHandlerThatTakesTooLong) {
    std::string seen;
    plain_server serving(slow(seen), {.handler_timeout = 5s});
    const std::string answer = answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
    EXPECT_NE(seen, "slept");
}

TEST(Server, EndsABodyThatComesTooSlowly) {
    plain_server serving(
        [](request& asked) -> task<response> {
            const result<buffer> body = co_await asked.body().read_all(1000);
            co_return response::text(status::ok, body ? "whole" : "cut");
        },
        {.body_timeout = 10s, .body_rate = 10});
    const auto send = [&](duration pause) {
        std::string answer;
        with_server(serving, [&](flow& with) -> task<void> {
            co_await write_text(with, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
            for (int count = 0; count < 100; ++count) {
                static_cast<void>(co_await sleep_for(pause));
                co_await write_text(with, "x");
            }
            static_cast<void>(co_await with.shutdown(direction::write));
            answer = co_await read_to_end(with);
        });
        return answer.substr(0, 12);
    };
    EXPECT_EQ(send(150ms), "HTTP/1.1 200");
    EXPECT_EQ(send(300ms), "HTTP/1.1 408");
}

TEST(Server, SendsHintsBeforeTheAnswer) {
    plain_server serving([](request& asked) -> task<response> {
        field_block hints;
        hints.add("Link", "</style.css>; rel=preload");
        EXPECT_TRUE(co_await asked.early_hints(hints));
        co_return response(status::no_content);
    });
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
              "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.0\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST(Server, DatesItsAnswersUnlessTheHandlerDid) {
    server serving([](request& asked) -> task<response> {
        response made(status::no_content);
        if (asked.path() == "/own") {
            made.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        }
        co_return made;
    });
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 204 No Content\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n");
    EXPECT_EQ(answers_to(serving, "GET /own HTTP/1.1\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
}

TEST(Server, CountsWhatPrometheusReads) {
    plain_server serving([](request& asked) -> task<response> {
        static_cast<void>(co_await sleep_for(30ms));
        co_return response::text(asked.path() == "/" ? status::ok : status::not_found, "hello");
    });
    static_cast<void>(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                                          "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"));
    const std::string text = prometheus_text(serving.statistics());
    for (const std::string_view line :
         {"runnel_http_requests_total 2\n", "runnel_http_answers_total{status=\"4xx\"} 1\n",
          "runnel_http_sent_bytes_total 10\n",
          "runnel_http_answer_seconds_bucket{le=\"0.025\"} 0\n",
          "runnel_http_answer_seconds_bucket{le=\"0.1\"} 2\n",
          "runnel_http_answer_seconds_bucket{le=\"+Inf\"} 2\n",
          "runnel_http_answer_seconds_sum 0.06\n", "runnel_http_answer_seconds_count 2\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
}

} // namespace
} // namespace runnel::http
