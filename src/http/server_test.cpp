// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/server.hpp"

#include "allocation_count.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/pipe_transport.hpp"
#include "runnel/flow/transport.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

/// Answers with what was asked: "GET /path", and behind it the body of the request.
task<response> tell(request& asked) {
    result<buffer> body = co_await asked.body().read_all(1000);
    std::string text(asked.method_name());
    text.append(" ").append(asked.target());
    if (body) {
        text.append(" ").append(body->view());
    }
    for (const field each : asked.body().trailers()) {
        text.append(" ").append(each.name).append("=").append(each.value);
    }
    co_return response::text(status::ok, text);
}

std::string answer_of(std::string_view text) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + std::string(text);
}

std::string closing_answer_of(std::string_view text) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + std::string(text);
}

std::string refusal(std::string_view words) {
    return "HTTP/1.1 " + std::string(words) +
           "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
           std::to_string(words.size() + 1) + "\r\nConnection: close\r\n\r\n" + std::string(words) +
           "\n";
}

TEST(Server, AnswersRequestsInOrderAndKeepsTheConnectionOpen) {
    plain_server serving(tell);
    EXPECT_EQ(answers_to(serving, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                  "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                  "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n"),
              answer_of("GET /1 ") + answer_of("POST /2 abc") + answer_of("GET /3 "));
    EXPECT_EQ(serving.statistics().requests, 3U);
    EXPECT_EQ(serving.statistics().connections, 1U);
    EXPECT_EQ(serving.statistics().open, 0U);
}

TEST(Server, EndsTheConnectionWhereTheClientOrTheHandlerWants) {
    plain_server serving(tell);
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                                  "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              closing_answer_of("GET / "));
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
              closing_answer_of("GET / "));
    const std::string kept = answers_to(
        serving, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    EXPECT_NE(kept.find("Connection: keep-alive\r\n"), std::string::npos);
    EXPECT_NE(kept.find("Connection: close\r\n"), std::string::npos);
}

TEST(Server, SendsNoBodyWhereThereMustBeNone) {
    plain_server serving([](request& asked) -> task<response> {
        if (asked.path() == "/none") {
            co_return response(status::no_content);
        }
        co_return response::text(status::ok, "hello");
    });
    EXPECT_EQ(answers_to(serving, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
                                  "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"),
              answer_of("hello").substr(0, answer_of("hello").size() - 5) +
                  "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(Server, GivesTheWholeBodyHoweverItIsFramedAndCut) {
    const std::string sent = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
                             "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: v\r\nHost: x\r\n\r\n"
                             "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
    const std::string expected = answer_of("PUT /a hello world") +
                                 answer_of("PUT /b hello world T=v") + answer_of("GET /c ");
    plain_server serving(tell);
    for (std::size_t cut = 0; cut < sent.size(); ++cut) {
        std::string answer;
        with_server(serving, [&](flow& with) -> task<void> {
            co_await write_text(with, std::string_view(sent).substr(0, cut));
            static_cast<void>(co_await sleep_for(1s));
            co_await write_text(with, std::string_view(sent).substr(cut));
            static_cast<void>(co_await with.shutdown(direction::write));
            answer = co_await read_to_end(with);
        });
        ASSERT_EQ(answer, expected) << cut;
    }
    std::string answer;
    with_server(serving, [&](flow& with) -> task<void> {
        for (const char& each : sent) {
            co_await write_text(with, {&each, 1});
            static_cast<void>(co_await sleep_for(1ms));
        }
        static_cast<void>(co_await with.shutdown(direction::write));
        answer = co_await read_to_end(with);
    });
    EXPECT_EQ(answer, expected);
}

TEST(Server, RefusesWhatIsWrongAndReadsNothingBehindIt) {
    struct row {
        std::string_view request;
        std::string_view answer;
    };
    static constexpr auto rows = std::to_array<row>({
        {"GET /\r\n\r\n", "400 Bad Request"},
        {"GET / http/1.1\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"},
        {"\x16\x03\x01\x02", "400 Bad Request"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n", "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "501 Not Implemented"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
         "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", "413 Content Too Large"},
        {"POST / HTTP/1.1\r\nHost: h\r\nExpect: 42\r\nContent-Length: 5\r\n\r\n",
         "417 Expectation Failed"},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "501 Not Implemented"},
        {"get / HTTP/1.1\r\nHost: h\r\n\r\n", "501 Not Implemented"},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "501 Not Implemented"},
    });
    const std::string good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    plain_server serving(tell, {.body = 1000});
    for (const row& each : rows) {
        EXPECT_EQ(answers_to(serving, good + std::string(each.request) + good),
                  answer_of("GET / ") + refusal(each.answer))
            << each.request;
    }
    const std::string traced = answers_to(serving, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(traced.substr(0, 24), "HTTP/1.1 405 Method Not ");
    EXPECT_NE(traced.find("\r\nAllow: GET, "), std::string::npos);
    EXPECT_EQ(answers_to(serving, "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n"),
              refusal("414 URI Too Long"));
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nA: " + std::string(40000, 'x') + "\r\n\r\n"),
              refusal("431 Request Header Fields Too Large"));
}

TEST(Server, BoundsABodyOfUnknownLength) {
    plain_server serving(
        [](request& asked) -> task<response> {
            for (;;) {
                const result<buffer> piece = co_await asked.body().read();
                if (!piece) {
                    EXPECT_EQ(piece.error(), errc::limit_exceeded);
                    break;
                }
            }
            co_return response::text(status::ok, "never seen");
        },
        {.body = 10});
    EXPECT_EQ(answers_to(serving, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "8\r\n12345678\r\n3\r\n123\r\n0\r\n\r\n"),
              refusal("413 Content Too Large"));
}

TEST(Server, TellsAClientThatWaitsToSendItsBodyWhenSomebodyReadsIt) {
    plain_server serving(tell);
    with_server(serving, [](flow& with) -> task<void> {
        co_await write_text(with, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                                  "Content-Length: 5\r\n\r\n");
        const std::string told = "HTTP/1.1 100 Continue\r\n\r\n";
        EXPECT_EQ(co_await read_some(with, told.size()), told);
        co_await write_text(with, "hello");
        const std::string answer = answer_of("PUT / hello");
        EXPECT_EQ(co_await read_some(with, answer.size()), answer);
    });
    plain_server rejecting(
        [](request&) -> task<response> { co_return response::text(status::ok, "no"); });
    EXPECT_EQ(answers_to(rejecting, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                                    "Content-Length: 5\r\n\r\n"),
              closing_answer_of("no"));
}

TEST(Server, DropsASmallBodyThatNobodyReadAndTheConnectionWithALargeOne) {
    plain_server serving(
        [](request&) -> task<response> { co_return response::text(status::ok, "x"); },
        {.discard = 10});
    EXPECT_EQ(answers_to(serving, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
                                  "0123456789GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              answer_of("x") + answer_of("x"));
    EXPECT_EQ(answers_to(serving, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"
                                  "0123456789aGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              closing_answer_of("x"));
}

TEST(Server, EndsSilentConnectionsSilentlyAndSlowOnesWithAnAnswer) {
    plain_server serving(tell, {.head_timeout = 10s, .idle_timeout = 60s, .body_timeout = 5s});
    const auto wait_after = [&](std::string_view sent, duration expected) {
        std::string answer;
        with_server(serving, [&](flow& with) -> task<void> {
            co_await write_text(with, sent);
            answer = co_await read_to_end(with);
            EXPECT_EQ(virtual_time(), expected) << sent;
        });
        return answer;
    };
    EXPECT_EQ(wait_after("", 60s), "");
    EXPECT_EQ(wait_after("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 60s), answer_of("GET / "));
    EXPECT_EQ(wait_after("GET / HTTP/1.1\r\nHost:", 10s), refusal("408 Request Timeout"));
    EXPECT_EQ(wait_after("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc", 5s),
              refusal("408 Request Timeout"));
}

TEST(Server, EndsAConnectionWhoseHeadComesByteByByteForTooLong) {
    plain_server serving(tell, {.head_timeout = 10s, .linger = 60s});
    with_server(serving, [](flow& with) -> task<void> {
        for (int count = 0; count < 20; ++count) {
            co_await write_text(with, "G");
            static_cast<void>(co_await sleep_for(1s));
        }
        EXPECT_EQ(co_await read_to_end(with), refusal("408 Request Timeout"));
    });
}

TEST(Server, AnswersARequestBeforeItWaitsForTheRestOfTheNext) {
    plain_server serving(tell);
    with_server(serving, [](flow& with) -> task<void> {
        const std::string answer = answer_of("GET /1 ");
        co_await write_text(with, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2");
        EXPECT_EQ(co_await read_some(with, answer.size()), answer);
        co_await write_text(with, " HTTP/1.1\r\nHost: h\r\n\r\n"
                                  "PUT /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
        EXPECT_EQ(co_await read_some(with, answer.size()), answer_of("GET /2 "));
        co_await write_text(with, "ab");
        EXPECT_EQ(co_await read_some(with, answer.size() + 2), answer_of("PUT /3 ab"));
        EXPECT_EQ(virtual_time(), 0s);
    });
}

TEST(Server, StreamsABodyWhileItIsMade) {
    plain_server serving([](request& asked) -> task<response> {
        co_return response::stream(
            status::ok, "text/plain",
            [path = std::string(asked.path())](outgoing_body& out) -> task<result<void>> {
                static_cast<void>(co_await out.write("one"));
                static_cast<void>(co_await out.flush());
                static_cast<void>(co_await sleep_for(1h));
                co_return co_await out.write(path);
            });
    });
    EXPECT_EQ(answers_to(serving, "GET /two HTTP/1.1\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\none\r\n4\r\n/two\r\n0\r\n\r\n");
    EXPECT_EQ(answers_to(serving, "GET /two HTTP/1.0\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\none/two");
    EXPECT_EQ(answers_to(serving, "HEAD /two HTTP/1.1\r\nHost: h\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(Server, ShowsTheClientThatABodyWasCut) {
    const auto cut = [](std::uint64_t length, bool throws) {
        plain_server serving([=](request&) -> task<response> {
            co_return response::stream(status::ok, "text/plain", length,
                                       [=](outgoing_body& out) -> task<result<void>> {
                                           static_cast<void>(co_await out.write("123"));
                                           static_cast<void>(co_await out.flush());
                                           static_cast<void>(co_await sleep_for(1s));
                                           if (throws) {
                                               throw std::runtime_error("a mistake");
                                           }
                                           co_return result<void>();
                                       });
        });
        const std::string answer = answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        return answer.substr(answer.find("\r\n\r\n") + 4);
    };
    EXPECT_EQ(cut(3, false), "123");
    EXPECT_EQ(cut(4, false), "123<connection reset by the peer>");
    EXPECT_EQ(cut(3, true), "123<connection reset by the peer>");
}

TEST(Server, AnswersForAHandlerThatFails) {
    plain_server serving([](request& asked) -> task<response> {
        if (asked.path() == "/throw") {
            throw std::runtime_error("a mistake");
        }
        response made = response::text(status::ok, "x");
        made.add("X", "a\r\nSet-Cookie: b");
        co_return made;
    });
    EXPECT_EQ(answers_to(serving, "GET /throw HTTP/1.1\r\nHost: h\r\n\r\n"),
              refusal("500 Internal Server Error"));
    EXPECT_EQ(answers_to(serving, "GET /split HTTP/1.1\r\nHost: h\r\n\r\n"),
              refusal("500 Internal Server Error"));
}

TEST(Server, HandsTheConnectionOverWithWhatFollowedTheRequest) {
    plain_server serving([](request& asked) -> task<response> {
        auto echo = [](flow_ptr with) -> task<void> {
            for (;;) {
                result<buffer> piece = co_await with->read();
                if (!piece) {
                    break;
                }
                static_cast<void>(co_await with->write(*std::move(piece)));
            }
            static_cast<void>(co_await with->close());
        };
        if (asked.verb() == method::connect) {
            co_return response::tunnel(echo);
        }
        co_return response::upgrade("echo", echo);
    });
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
                                  "Upgrade: echo\r\n\r\nhello"),
              "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
              "hello");
    EXPECT_EQ(answers_to(serving, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nhello"),
              "HTTP/1.1 200 OK\r\n\r\nhello");
    EXPECT_EQ(answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              refusal("500 Internal Server Error"));
}

TEST(Server, UnderstandsEveryFormOfTarget) {
    std::string seen;
    plain_server serving([&](request& asked) -> task<response> {
        seen.append(asked.path()).append(" ").append(asked.query()).append(" ");
        seen.append(asked.authority()).append("\n");
        co_return response(status::ok);
    });
    static_cast<void>(answers_to(serving, "GET /a?b?c HTTP/1.1\r\nHost: h:1\r\n\r\n"
                                          "GET http://o HTTP/1.1\r\nHost: o\r\n\r\n"
                                          "GET http://o?q HTTP/1.1\r\nHost: o\r\n\r\n"
                                          "GET http://o/p?q HTTP/1.1\r\nHost: o\r\n\r\n"
                                          "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(seen, "/a b?c h:1\n/  o\n/ q o\n/p q o\n*  h\n");
}

TEST(Server, TellsALogOfEveryAnswer) {
    plain_server serving(tell);
    std::string log;
    serving.on_answer([&](const answer_record& each) {
        log.append(each.method).append(" ").append(each.target);
        log.append(" ").append(std::to_string(number(each.code)));
        log.append(" ").append(std::to_string(each.sent)).append("\n");
    });
    static_cast<void>(answers_to(serving, "GET /x HTTP/1.1\r\nHost: h\r\n\r\nBAD\r\n\r\n"));
    EXPECT_EQ(log, "GET /x 200 7\n  400 16\n");
}

TEST(Server, EndsIdleConnectionsAndFinishesAnswersWhenItDrains) {
    run_virtual([]() -> task<void> {
        transport_registry registry;
        register_pipe_transport(registry);
        listener_ptr at = (co_await registry.listen(*endpoint::parse("pipe:"))).value();
        plain_server serving([](request&) -> task<response> {
            static_cast<void>(co_await sleep_for(10s));
            co_return response::text(status::ok, "late");
        });
        auto clients = [&]() -> task<void> {
            flow_ptr idle = (co_await registry.connect(*endpoint::parse("pipe:"))).value();
            flow_ptr busy = (co_await registry.connect(*endpoint::parse("pipe:"))).value();
            co_await write_text(*busy, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            static_cast<void>(co_await sleep_for(1s));
            at->close();
            EXPECT_EQ(co_await read_to_end(*idle), "");
            EXPECT_EQ(virtual_time(), 1s);
            static_cast<void>(co_await idle->close());
            EXPECT_EQ(co_await read_to_end(*busy), closing_answer_of("late"));
            static_cast<void>(co_await busy->close());
        };
        const auto both = co_await when_all(serving.serve(*at), clients());
        EXPECT_TRUE(std::get<0>(both));
        EXPECT_EQ(virtual_time(), 10s);
    });
}

TEST(Server, AllocatesNothingForARequestInTheSteadyState) {
    if (!counts_allocations()) {
        GTEST_SKIP() << "this build does not count allocations";
    }
    plain_server serving(
        [](request&) -> task<response> { co_return response::text(status::ok, "hello"); });
    with_server(serving, [](flow& with) -> task<void> {
        const std::string_view asked = "GET /index.html HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n";
        std::uint64_t before = 0;
        for (int round = 0; round < 200; ++round) {
            if (round == 100) {
                before = allocation_count();
            }
            static_cast<void>(co_await with.write(buffer::copy_of(asked)));
            const result<buffer> answer = co_await with.read();
            EXPECT_TRUE(answer);
        }
        EXPECT_EQ(allocation_count(), before);
    });
}

} // namespace
} // namespace runnel::http
