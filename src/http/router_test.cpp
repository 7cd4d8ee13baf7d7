// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/router.hpp"

#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

/// A handler that tells its name and what the router found.
handler named(const std::string& name) {
    return [name](request& asked) -> task<response> {
        std::string text = name;
        for (const std::string_view each : {"a", "b", "rest"}) {
            if (const std::string_view value = asked.parameter(each); !value.empty()) {
                text.append(" ").append(each).append("=").append(value);
            }
        }
        co_return response::text(status::ok, text);
    };
}

/// Status and body of the answer to one request.
std::string ask(server& serving, std::string_view line) {
    const std::string whole =
        answers_to(serving, std::string(line) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    return whole.substr(9, 4) + whole.substr(whole.find("\r\n\r\n") + 4);
}

router some_routes() {
    router routes;
    routes.get("/", named("root"))
        .get("/users/{a}", named("user"))
        .post("/users/{a}", named("change"))
        .get("/users/me", named("me"))
        .get("/users/{a}/posts/{b}", named("post"))
        .any("/users/me/any", named("any"))
        .get("/files/{rest...}", named("file"));
    return routes;
}

TEST(Router, ChoosesByPathTextsBeforeParametersBeforeTheRest) {
    plain_server serving(some_routes().as_handler());
    EXPECT_EQ(ask(serving, "GET /"), "200 root");
    EXPECT_EQ(ask(serving, "GET /?q=1"), "200 root");
    EXPECT_EQ(ask(serving, "GET /users/7"), "200 user a=7");
    EXPECT_EQ(ask(serving, "GET /users/me"), "200 me");
    EXPECT_EQ(ask(serving, "GET /users/m%65"), "200 me");
    EXPECT_EQ(ask(serving, "GET /users/me/posts/2"), "200 post a=me b=2");
    EXPECT_EQ(ask(serving, "GET /files/x/y%20z"), "200 file rest=x/y z");
    EXPECT_EQ(ask(serving, "GET /files/"), "200 file");
    EXPECT_EQ(ask(serving, "POST /users/7"), "200 change a=7");
    EXPECT_EQ(ask(serving, "DELETE /users/me/any"), "200 any");
    for (const std::string_view path : {"/users", "/users/", "/users/7/", "/users/7/posts", "//"}) {
        EXPECT_EQ(ask(serving, "GET " + std::string(path)), "404 404 Not Found\n") << path;
    }
}

TEST(Router, GivesNoParameterThatCouldLeaveAFolder) {
    plain_server serving(some_routes().as_handler());
    for (const std::string_view path :
         {"/files/..", "/files/%2e%2e/x", "/files/a/%2E./b", "/files/a%2fb", "/files/a%00",
          "/users/%2e%2e", "/users/a%2Fb", "/files/%", "/files/%4", "/files/./a"}) {
        EXPECT_EQ(ask(serving, "GET " + std::string(path)), "404 404 Not Found\n") << path;
    }
    EXPECT_EQ(ask(serving, "GET /files/%252e%252e"), "200 file rest=%2e%2e"); // decoded once
}

TEST(Router, TellsWhatIsAllowed) {
    plain_server serving(some_routes().as_handler());
    const std::string wrong = answers_to(serving, "DELETE /users/7 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(wrong.starts_with("HTTP/1.1 405 ")) << wrong;
    EXPECT_NE(wrong.find("\r\nAllow: OPTIONS, GET, HEAD, POST\r\n"), std::string::npos) << wrong;
    const std::string asked = answers_to(serving, "OPTIONS /users/me HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(asked.starts_with("HTTP/1.1 204 ")) << asked;
    EXPECT_NE(asked.find("\r\nAllow: OPTIONS, GET, HEAD\r\n"), std::string::npos) << asked;
    EXPECT_EQ(ask(serving, "HEAD /users/me"), "200 ");
    EXPECT_EQ(ask(serving, "OPTIONS *"), "404 404 Not Found\n");
}

TEST(Router, AnswersWhatFitsNoPatternAsItIsTold) {
    router routes = some_routes();
    routes.otherwise(named("other"));
    plain_server serving(std::move(routes).as_handler());
    EXPECT_EQ(ask(serving, "GET /nowhere"), "200 other");
    EXPECT_EQ(ask(serving, "GET /users/7"), "200 user a=7");
}

TEST(Router, RefusesMalformedRoutes) {
    for (const std::string_view pattern :
         {"", "a", "/{", "/{}", "/{...}", "/a{b}", "/{a...}/b", "/{{a}}", "/users/{other}"}) {
        router routes = some_routes();
        EXPECT_THROW(routes.get(pattern, named("x")), std::invalid_argument) << pattern;
    }
    router routes = some_routes();
    EXPECT_THROW(routes.get("/users/me", named("x")), std::invalid_argument);
    EXPECT_THROW(routes.on(method::other, "/x", named("x")), std::invalid_argument);
}

TEST(Middleware, StandsAroundAHandlerAndCanAnswerInstead) {
    const middleware guard = [](request& asked, const handler& next) -> task<response> {
        if (!asked.find("Authorization")) {
            co_return response::text(status::unauthorized, "who are you?");
        }
        response made = co_await next(asked);
        made.add("X-Seen", "yes");
        co_return made;
    };
    plain_server serving(wrap(some_routes().as_handler(), guard));
    EXPECT_EQ(ask(serving, "GET /"), "401 who are you?");
    const std::string answer =
        answers_to(serving, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\n\r\n");
    EXPECT_NE(answer.find("\r\nX-Seen: yes\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("root"));
}

} // namespace
} // namespace runnel::http
