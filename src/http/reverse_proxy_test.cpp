// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/reverse_proxy.hpp"

#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What an upstream does with a connection.
using behaviour = std::function<task<void>(flow_ptr)>;

/// A gateway in front of servers in memory, at the path /api.
class Gateway : public testing::Test {
protected:
    std::map<std::string, behaviour> hosts_;
    std::vector<std::string> opened_;
    reverse_proxy_options options_;
    std::string base_ = "/v1";
    reverse_proxy* passing_ = nullptr; // while it runs

    /// Runs `talk(flow&)`, a client's side, with a proxy to all hosts.
    template <class F>
    void run(F talk) {
        run_virtual([&]() -> task<void> {
            std::vector<upstream> to;
            for (const auto& [name, what] : hosts_) {
                to.emplace_back([&](const url& where) { return open(where); },
                                *url::parse("http://" + name + base_));
            }
            reverse_proxy passing(std::move(to), options_);
            passing_ = &passing;
            server front(
                [&](request& asked) { return passing.answer(asked, asked.path().substr(4)); });
            const auto all = [&](scope& beside) -> task<void> {
                beside_ = &beside;
                auto ends = make_pipe();
                beside.spawn(front.serve_flow(std::move(ends.first)), "front");
                beside.spawn(passing.watch(), "health");
                co_await talk(*ends.second);
                static_cast<void>(co_await ends.second->close());
                beside.request_stop();
            };
            static_cast<void>(co_await with_scope(all));
        });
    }

    std::string answers(std::string_view sent) {
        std::string answer;
        run([&](flow& with) -> task<void> {
            co_await write_text(with, sent);
            static_cast<void>(co_await with.shutdown(direction::write));
            answer = co_await read_to_end(with);
        });
        return answer;
    }

    std::string get(std::string_view path, std::string_view fields = "",
                    std::string_view verb = "GET") {
        std::string text(verb);
        text.append(" ").append(path).append(" HTTP/1.1\r\nHost: front\r\n");
        return answers(text.append(fields).append("Connection: close\r\n\r\n"));
    }

    /// A server that runs a handler.
    static behaviour handling(handler answer) {
        return [answer](flow_ptr with) -> task<void> {
            server serving(answer);
            co_await serving.serve_flow(std::move(with));
        };
    }
    /// A server that says this to whatever comes first, and ends.
    static behaviour saying(std::string text) {
        return [text](flow_ptr with) -> task<void> {
            static_cast<void>(co_await with->read());
            co_await write_text(*with, text);
            static_cast<void>(co_await with->close());
        };
    }
    static handler naming(std::string name) {
        return [name](request& asked) -> task<response> {
            std::string text = name + ": " + std::string(asked.method_name()) + " ";
            text.append(asked.target()).append("\n");
            for (const field& each : asked.fields()) {
                text.append(each.name).append("=").append(each.value).append("\n");
            }
            co_return response::text(status::ok, text);
        };
    }

private:
    task<result<flow_ptr>> open(const url& to) {
        opened_.push_back(to.host());
        if (!hosts_[to.host()]) {
            co_return fail(errc::refused);
        }
        auto ends = make_pipe();
        beside_->spawn(hosts_[to.host()](std::move(ends.first)), "upstream");
        co_return std::move(ends.second);
    }

    scope* beside_ = nullptr;
};

TEST_F(Gateway, PassesARequestOnWithWhatItKnowsOfTheClient) {
    hosts_ = {{"a", handling(naming("a"))}};
    const std::string answer =
        get("/api/x%20y?q=1", "X-Own: 1\r\nX-Forwarded-For: 9.9.9.9\r\n"
                              "X-Forwarded-Proto: https\r\nTE: trailers\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("a: GET /v1/x%20y?q=1\n"));
    EXPECT_THAT(answer, HasSubstr("Host=front\n"));
    EXPECT_THAT(answer, HasSubstr("X-Own=1\n"));
    EXPECT_THAT(answer, HasSubstr("X-Forwarded-For=9.9.9.9, unknown\n"));
    EXPECT_THAT(answer, HasSubstr("X-Forwarded-Proto=http\n"));
    EXPECT_THAT(answer, HasSubstr("X-Forwarded-Host=front\n"));
    EXPECT_THAT(answer, HasSubstr("Via=1.1 runnel\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nVia: 1.1 runnel\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("TE=")));
    options_.keep_host = false;
    EXPECT_THAT(get("/api/"), HasSubstr("Host=a\n"));
}

TEST_F(Gateway, KeepsFieldsOfOneConnectionToItself) {
    hosts_ = {{"a", saying("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n"
                           "Keep-Alive: timeout=5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")}};
    const std::string answer = get("/api/");
    EXPECT_THAT(answer, HasSubstr("X-End: 2\r\n"));
    EXPECT_THAT(answer, HasSubstr("Set-Cookie: a\r\nSet-Cookie: b\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("X-Hop")));
    EXPECT_THAT(answer, Not(HasSubstr("Keep-Alive")));
    EXPECT_THAT(answer, HasSubstr("3\r\nabc\r\n0\r\n\r\n"));
}

TEST_F(Gateway, PassesAnswersOfEveryKind) {
    hosts_ = {{"a", saying("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n")}};
    EXPECT_THAT(get("/api/"), StartsWith("HTTP/1.1 204 No Content\r\n"));
    hosts_ = {{"a", saying("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")}};
    EXPECT_THAT(get("/api/"), HasSubstr("ETag: \"x\"\r\n"));
    hosts_ = {{"a", saying("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")}};
    const std::string head = get("/api/", "", "HEAD");
    EXPECT_THAT(head, HasSubstr("Content-Length: 12345\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("octet-stream")));
    hosts_ = {{"a", saying("HTTP/1.1 404 Gone\r\nContent-Type: a/b\r\n\r\nuntil the end")}};
    const std::string missing = get("/api/");
    EXPECT_THAT(missing, StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(missing, HasSubstr("Content-Type: a/b\r\n"));
    EXPECT_THAT(missing, HasSubstr("until the end"));
}

TEST_F(Gateway, StreamsTheBodyOfARequest) {
    hosts_ = {{"a", handling([](request& asked) -> task<response> {
                   const result<buffer> body = co_await asked.body().read_all(10'000'000);
                   co_return response::text(status::ok, std::to_string(body->size()));
               })}};
    const std::string large(3'000'000, 'x');
    EXPECT_THAT(
        answers("POST /api/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + large),
        HasSubstr("\r\n\r\n3000000"));
    EXPECT_THAT(answers("POST /api/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"),
                HasSubstr("\r\n\r\n8"));
}

TEST_F(Gateway, GivesAnAnswerThatComesBeforeTheRequestIsWhole) {
    hosts_ = {{"a", saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")}};
    run([&](flow& with) -> task<void> {
        co_await write_text(with,
                            "POST /api/ HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nabc");
        const std::string answer = co_await read_some(with, 20);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
    });
}

TEST_F(Gateway, SaysWhatIsWrongWithAnUpstream) {
    hosts_ = {{"a", {}}};
    EXPECT_THAT(get("/api/"), StartsWith("HTTP/1.1 502 "));
    hosts_ = {{"a", saying("SSH-2.0-x\r\n")}};
    EXPECT_THAT(get("/api/"), StartsWith("HTTP/1.1 502 "));
    hosts_ = {{"a", saying("")}};
    EXPECT_THAT(get("/api/", "", "POST"), StartsWith("HTTP/1.1 502 "));
    hosts_ = {{"a", [](flow_ptr with) -> task<void> {
                   static_cast<void>(co_await with->read());
                   static_cast<void>(co_await sleep_for(1h));
               }}};
    EXPECT_THAT(get("/api/"), StartsWith("HTTP/1.1 504 "));
    hosts_.clear();
    EXPECT_THAT(get("/api/"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(Gateway, BreaksOffWhatWasBrokenOff) {
    hosts_ = {{"a", saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")}};
    EXPECT_THAT(get("/api/"), HasSubstr("<connection reset by the peer>"));
}

TEST_F(Gateway, RefusesPathsThatLeadElsewhere) {
    hosts_ = {{"a", handling(naming("a"))}};
    for (const std::string_view path :
         {"/api/../secret", "/api/%2e%2e/secret", "/api/.%2E", "/api/x/./y", "/api/.."}) {
        EXPECT_THAT(get(path), StartsWith("HTTP/1.1 400 ")) << path;
    }
    EXPECT_THAT(get("/api/..x/%2e."), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(get("/api/..x/...y"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(get("/api/...").substr(0, 13), "HTTP/1.1 200 ");
}

TEST_F(Gateway, SharesRequestsOutAndPassesOverWhoIsNotThere) {
    hosts_ = {{"a", handling(naming("a"))}, {"b", {}}, {"c", handling(naming("c"))}};
    std::string order;
    run([&](flow& with) -> task<void> {
        for (int turn = 0; turn < 6; ++turn) {
            co_await write_text(with, "GET /api/ HTTP/1.1\r\nHost: h\r\n\r\n");
            std::string answer;
            while (!answer.ends_with("Via=1.1 runnel\n")) {
                const std::string piece = co_await read_some(with, 1);
                EXPECT_NE(piece, "") << answer;
                if (piece.empty()) {
                    co_return;
                }
                answer += piece;
            }
            order += answer[answer.find("\r\n\r\n") + 4];
        }
    });
    EXPECT_EQ(order, "acacac");
    EXPECT_EQ(std::ranges::count(opened_, "b"), 1);
    EXPECT_EQ(std::ranges::count(opened_, "a"), 1);
}

TEST_F(Gateway, AsksHowUpstreamsAre) {
    bool well = false;
    const handler answer = [&](request& asked) -> task<response> {
        const bool health = asked.target() == "/health";
        co_return response(health && !well ? status::service_unavailable : status::ok);
    };
    hosts_ = {{"a", handling(answer)}};
    options_.health_path = "/health";
    options_.health_interval = 5s;
    run([&](flow&) -> task<void> {
        EXPECT_EQ(passing_->healthy(), 1U);
        static_cast<void>(co_await sleep_for(1s));
        EXPECT_EQ(passing_->healthy(), 0U);
        well = true;
        static_cast<void>(co_await sleep_for(5s));
        EXPECT_EQ(passing_->healthy(), 1U);
    });
}

TEST_F(Gateway, BecomesATunnelForAWebSocket) {
    hosts_ = {{"a", handling([](request& asked) -> task<response> {
                   EXPECT_EQ(asked.protocol(), "websocket");
                   response made = response::upgrade("websocket", [](flow_ptr with) -> task<void> {
                       const std::string said = co_await read_some(*with, 5);
                       co_await write_text(*with, "<" + said + ">");
                       static_cast<void>(co_await with->close());
                   });
                   made.add("Sec-WebSocket-Accept", "abc");
                   co_return made;
               })}};
    run([&](flow& with) -> task<void> {
        co_await write_text(with, "GET /api/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\n\r\n");
        const std::string head = co_await read_some(with, 20);
        EXPECT_THAT(head, StartsWith("HTTP/1.1 101 "));
        EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: abc\r\n"));
        co_await write_text(with, "hello");
        EXPECT_EQ(co_await read_to_end(with), "<hello>");
    });
}

} // namespace
} // namespace runnel::http
