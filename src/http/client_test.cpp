// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/client.hpp"

#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;

/// A network in memory: a server for each host, and how often each was connected to.
class world {
public:
    std::map<std::string, handler> hosts;
    std::vector<std::string> opened;
    duration idle_timeout = 60s;

    /// Runs `talk(client&)`, a coroutine.
    template <class F>
    void run(F talk, pool_options options = {}) {
        run_virtual([&]() -> task<void> {
            auto all = [&](scope& servers) -> task<void> {
                client asking([&](const url& to) { return open(to, servers); }, options);
                co_await talk(asking);
            };
            static_cast<void>(co_await with_scope(std::move(all)));
        });
    }

private:
    task<result<flow_ptr>> open(const url& to, scope& servers) {
        opened.push_back(to.scheme() + "://" + to.authority());
        const auto found = hosts.find(to.host());
        if (found == hosts.end()) {
            co_return fail(errc::refused, "connect " + to.host());
        }
        auto ends = make_pipe();
        servers.spawn(serve(found->second, std::move(ends.first)), "server");
        co_return std::move(ends.second);
    }
    task<void> serve(handler answer, flow_ptr with) {
        server serving(std::move(answer), {.idle_timeout = idle_timeout});
        co_await serving.serve_flow(std::move(with));
    }
};

handler saying(std::string text) {
    return [text](request&) -> task<response> { co_return response::text(status::ok, text); };
}

handler redirecting(status code, std::string to) {
    return [code, to](request&) -> task<response> {
        response made = response::text(code, "elsewhere");
        made.add("Location", to);
        co_return made;
    };
}

/// What a handler saw of each request.
handler noting(std::vector<std::string>& seen) {
    return [&seen](request& asked) -> task<response> {
        const result<buffer> body = co_await asked.body().read_all(1000);
        std::string line(asked.method_name());
        line.append(" ").append(asked.target()).append(" ").append(body->view());
        for (const std::string_view name : {"Authorization", "Cookie", "X-Other", "Content-Type"}) {
            if (const auto value = asked.find(name)) {
                line.append(" ").append(name).append("=").append(*value);
            }
        }
        seen.push_back(line);
        co_return response::text(status::ok, "seen");
    };
}

task<std::string> text_of(client& from, std::string_view where, std::string_view verb = "GET") {
    fetch_request asked(verb, *url::parse(where));
    auto answer = co_await from.fetch(std::move(asked));
    if (!answer) {
        co_return "<" + std::string(describe(answer.error().kind())) + ">";
    }
    const result<buffer> body = co_await answer->body().read_all(10000);
    co_return body ? std::string(body->view()) : "<cut>";
}

TEST(Client, KeepsAConnectionForTheNextRequestToTheSameOrigin) {
    world net;
    net.hosts = {{"a", saying("A")}, {"b", saying("B")}};
    net.run([&](client& asking) -> task<void> {
        EXPECT_EQ(co_await text_of(asking, "http://a/1"), "A");
        EXPECT_EQ(co_await text_of(asking, "http://a/2"), "A");
        EXPECT_EQ(co_await text_of(asking, "http://b/"), "B");
        EXPECT_EQ(co_await text_of(asking, "http://a:81/"), "A");
        EXPECT_EQ(asking.idle(), 3U);
    });
    EXPECT_EQ(net.opened, (std::vector<std::string>{"http://a", "http://b", "http://a:81"}));
}

TEST(Client, DropsAConnectionWhoseAnswerWasNotRead) {
    world net;
    net.hosts = {{"a", saying(std::string(1000000, 'x'))}};
    net.run([&](client& asking) -> task<void> {
        {
            fetch_request asked("GET", *url::parse("http://a/"));
            const auto answer = co_await asking.fetch(std::move(asked));
            EXPECT_TRUE(answer);
        }
        EXPECT_EQ(asking.idle(), 0U);
    });
}

TEST(Client, SendsARequestAgainIfTheServerHasEndedTheConnectionMeanwhile) {
    world net;
    net.hosts = {{"a", saying("A")}};
    net.idle_timeout = 5s;
    net.run([&](client& asking) -> task<void> {
        EXPECT_EQ(co_await text_of(asking, "http://a/"), "A");
        static_cast<void>(co_await sleep_for(10s));
        EXPECT_EQ(asking.idle(), 1U);
        EXPECT_EQ(co_await text_of(asking, "http://a/"), "A");
        static_cast<void>(co_await sleep_for(10s));
        EXPECT_EQ(co_await text_of(asking, "http://a/", "POST"), "A");
    });
    EXPECT_EQ(net.opened.size(), 3U);
}

TEST(Client, NeverSendsTwiceWhatMustNotBeRepeated) {
    world net;
    int asked_times = 0;
    net.hosts = {{"a", [&](request&) -> task<response> {
                      ++asked_times;
                      throw std::runtime_error("a handler that fails");
                  }}};
    net.run([&](client& asking) -> task<void> {
        EXPECT_EQ(co_await text_of(asking, "http://a/", "POST"), "500 Internal Server Error\n");
        EXPECT_EQ(co_await text_of(asking, "http://a/", "POST"), "500 Internal Server Error\n");
    });
    EXPECT_EQ(asked_times, 2);
}

TEST(Client, ForgetsConnectionsThatWereNotUsedForLong) {
    world net;
    net.hosts = {{"a", saying("A")}};
    net.run(
        [&](client& asking) -> task<void> {
            EXPECT_EQ(co_await text_of(asking, "http://a/"), "A");
            static_cast<void>(co_await sleep_for(11s));
            EXPECT_EQ(co_await text_of(asking, "http://a/"), "A");
        },
        {.idle = 10s});
    EXPECT_EQ(net.opened.size(), 2U);
}

TEST(Client, FollowsRedirects) {
    world net;
    net.hosts = {{"a", redirecting(status::found, "//b/x?y")},
                 {"b", redirecting(status::permanent_redirect, "https://c/")},
                 {"c", saying("C")}};
    net.run([&](client& asking) -> task<void> {
        fetch_request asked("GET", *url::parse("http://a/"));
        auto answer = co_await asking.fetch(std::move(asked));
        EXPECT_TRUE(answer);
        EXPECT_EQ(answer->from().to_string(), "https://c/");
        EXPECT_EQ(answer->redirects(), 2U);
        const auto body = co_await answer->body().read_all(100);
        EXPECT_EQ(body->view(), "C");
    });
    EXPECT_EQ(net.opened, (std::vector<std::string>{"http://a", "http://b", "https://c"}));
}

TEST(Client, FollowsNoCircleAndNoOtherScheme) {
    world net;
    net.hosts = {{"a", redirecting(status::found, "/")},
                 {"b", redirecting(status::found, "file:///etc/passwd")},
                 {"c", redirecting(status::found, "http://user@d/")}};
    net.run([&](client& asking) -> task<void> {
        EXPECT_EQ(co_await text_of(asking, "http://a/"),
                  "<" + std::string(describe(errc::limit_exceeded)) + ">");
        EXPECT_EQ(co_await text_of(asking, "http://b/"), "elsewhere");
        EXPECT_EQ(co_await text_of(asking, "http://c/"), "elsewhere");
    });
    net.run(
        [&](client& asking) -> task<void> {
            EXPECT_EQ(co_await text_of(asking, "http://a/"), "elsewhere");
        },
        {.redirects = 0});
}

TEST(Client, RedirectsWithTheSameRequestOrAsGetAndKeepsSecretsAtHome) {
    std::vector<std::string> seen;
    world net;
    net.hosts = {{"b", noting(seen)}};
    const auto post = [&](status code, std::string to, std::string_view from) {
        net.hosts["a"] = [&, code, to](request& asked) -> task<response> {
            if (asked.target() == "/seen") {
                co_return co_await net.hosts["b"](asked);
            }
            response made(code);
            made.add("Location", to);
            co_return made;
        };
        net.run([&](client& asking) -> task<void> {
            fetch_request asked("POST", *url::parse(from));
            asked.fields = {
                {"Authorization", "s"}, {"Cookie", "c"}, {"X-Other", "o"}, {"Content-Type", "t"}};
            asked.content = buffer::copy_of("body");
            const auto answer = co_await asking.fetch(std::move(asked));
            EXPECT_TRUE(answer);
        });
    };
    post(status::temporary_redirect, "/seen", "http://a/");
    post(status::see_other, "/seen", "http://a/");
    post(status::permanent_redirect, "http://b/", "http://a/");
    post(status::found, "http://b/", "http://a/");
    EXPECT_EQ(seen, (std::vector<std::string>{
                        "POST /seen body Authorization=s Cookie=c X-Other=o Content-Type=t",
                        "GET /seen  Authorization=s Cookie=c X-Other=o",
                        "POST / body X-Other=o Content-Type=t", "GET /  X-Other=o"}));
}

TEST(Client, SaysWhatItCouldNotFetch) {
    world net;
    net.run([&](client& asking) -> task<void> {
        fetch_request asked("GET", *url::parse("http://nobody/x"));
        const auto answer = co_await asking.fetch(std::move(asked));
        EXPECT_EQ(answer.error(), errc::refused);
        EXPECT_EQ(answer.error().text(), "GET http://nobody/x: connect nobody");
    });
}

} // namespace
} // namespace runnel::http
