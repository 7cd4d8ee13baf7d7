// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/client_connection.hpp"

#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <array>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

/// What the client makes of an answer: status, body and how both ended.
task<std::string> ask(client_connection& client, std::string_view verb = "GET") {
    const result<response_head> head = co_await client.send(client_request(verb, "/", "h"));
    if (!head) {
        co_return "<" + head.error().code().message() + ">";
    }
    std::string text = std::to_string(number(head->code)) + " ";
    for (;;) {
        const result<buffer> piece = co_await client.body().read();
        if (!piece) {
            if (piece.error() != errc::end) {
                text += "<" + piece.error().code().message() + ">";
            }
            break;
        }
        text += piece->view();
    }
    co_return text + (client.ready() ? " open" : " close");
}

/// A client of a server that sends this, whatever it is asked, and ends cleanly.
std::string answer_from(std::string_view sent, std::string_view verb = "GET") {
    std::string text;
    run_virtual([&]() -> task<void> {
        auto ends = make_pipe();
        client_connection client(std::move(ends.first));
        auto serve = [&]() -> task<void> {
            const flow_ptr mine = std::move(ends.second);
            static_cast<void>(co_await mine->read());
            co_await write_text(*mine, sent);
            static_cast<void>(co_await mine->close());
        };
        auto talk = [&]() -> task<void> {
            text = co_await ask(client, verb);
            client.abort();
        };
        co_await when_all(serve(), talk());
    });
    return text;
}

TEST(ClientConnection, ReadsAnswersOfEveryFraming) {
    EXPECT_EQ(answer_from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "200 hello open");
    EXPECT_EQ(answer_from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n"),
              "200 hello! open");
    EXPECT_EQ(answer_from("HTTP/1.1 200 OK\r\n\r\nhello"), "200 hello close");
    EXPECT_EQ(answer_from("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "200 hello close");
    EXPECT_EQ(answer_from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), "200  open");
    EXPECT_EQ(answer_from("HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n"), "304  open");
    EXPECT_EQ(answer_from("HTTP/1.1 204 N\r\nConnection: close\r\n\r\n"), "204  close");
    EXPECT_EQ(answer_from("HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
                          "HTTP/1.1 204 N\r\n\r\n"),
              "204  open");
}

TEST(ClientConnection, NeverTakesAnAnswerThatWasCutForAWholeOne) {
    for (const std::string_view whole :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::string text = answer_from(whole.substr(0, size));
            EXPECT_NE(text.find('<'), std::string::npos) << size << ": " << text;
            EXPECT_EQ(text.find("open"), std::string::npos) << size << ": " << text;
        }
    }
}

TEST(ClientConnection, RefusesAnswersThatAreWrong) {
    static constexpr auto wrong = std::to_array<std::string_view>({
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n",
    });
    for (const std::string_view each : wrong) {
        const std::string text = answer_from(each);
        EXPECT_NE(text.find("<HTTP: "), std::string::npos) << each << ": " << text;
    }
    std::string interim;
    for (int count = 0; count < 20; ++count) {
        interim += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    EXPECT_EQ(answer_from(interim + "HTTP/1.1 204 N\r\n\r\n"),
              "<HTTP: answer that was not asked for>");
}

TEST(ClientConnection, AsksAServerAgainAndAgain) {
    server serving([](request& asked) -> task<response> {
        result<buffer> body = co_await asked.body().read_all(1000);
        std::string text(asked.method_name());
        text.append(" ").append(asked.target()).append(" ").append(asked.authority());
        text.append(" ").append(body->view());
        co_return response::text(status::ok, text);
    });
    run_virtual([&]() -> task<void> {
        auto ends = make_pipe();
        auto talk = [&]() -> task<void> {
            client_connection client(std::move(ends.second));
            EXPECT_EQ(co_await ask(client), "200 GET / h  open");
            EXPECT_EQ(co_await ask(client, "DELETE"), "200 DELETE / h  open");
            client_request put("PUT", "/x?y", "h:80");
            put.content = buffer::copy_of("hello");
            put.fields.add("X", "y");
            const result<response_head> head = co_await client.send(std::move(put));
            EXPECT_TRUE(head);
            const result<buffer> body = co_await client.body().read_all(100);
            EXPECT_EQ(body->view(), "PUT /x?y h:80 hello");
            EXPECT_TRUE(client.ready());
            const auto refused = co_await client.send(client_request("GE T", "/", "h"));
            EXPECT_EQ(refused.error(), errc::invalid_argument);
            static_cast<void>(co_await client.close());
        };
        co_await when_all(serving.serve_flow(std::move(ends.first)), talk());
    });
    EXPECT_EQ(serving.statistics().requests, 3U);
}

TEST(ClientConnection, GivesTheAnswerOfAServerThatDidNotWantTheBody) {
    server serving([](request&) -> task<response> { co_return response(status::no_content); },
                   {.body = 10});
    run_virtual([&]() -> task<void> {
        auto ends = make_pipe();
        auto talk = [&]() -> task<void> {
            client_connection client(std::move(ends.second));
            client_request put("PUT", "/", "h");
            put.content = buffer::copy_of(std::string(1000000, 'x'));
            const result<response_head> head = co_await client.send(std::move(put));
            EXPECT_TRUE(head);
            EXPECT_EQ(head->code, status::content_too_large);
            static_cast<void>(co_await client.body().discard(100));
            EXPECT_FALSE(client.ready());
            static_cast<void>(co_await client.close());
        };
        co_await when_all(serving.serve_flow(std::move(ends.first)), talk());
    });
}

TEST(ClientConnection, WaitsForAnAnswerOnlySoLong) {
    run_virtual([]() -> task<void> {
        auto ends = make_pipe();
        client_connection client(std::move(ends.first), {.head_timeout = 7s});
        const auto head = co_await client.send(client_request("GET", "/", "h"));
        EXPECT_EQ(head.error(), errc::timed_out);
        EXPECT_EQ(virtual_time(), 7s);
        EXPECT_FALSE(client.ready());
        client.abort();
    });
}

} // namespace
} // namespace runnel::http
