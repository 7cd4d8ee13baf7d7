// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/forward_proxy.hpp"

#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// What a proxy waits for, and what it says then.
struct turn {
    std::size_t bytes;
    std::string answer;
};

/// What comes of a connection through a proxy that behaves like this: what it was told, and what
/// came over the connection behind it, or why there is none.
struct course {
    std::string told = {};
    std::string came = {};
};

template <class F>
course through(std::vector<turn> turns, F connect) {
    course seen;
    run_virtual([&]() -> task<void> {
        auto ends = make_pipe();
        auto serve = [&]() -> task<void> {
            const flow_ptr mine = std::move(ends.first);
            for (const turn& each : turns) {
                seen.told += co_await read_some(*mine, each.bytes);
                co_await write_text(*mine, each.answer);
            }
            static_cast<void>(co_await mine->close());
        };
        auto talk = [&]() -> task<void> {
            result<flow_ptr> there = co_await connect(std::move(ends.second));
            if (!there) {
                seen.came = "<" + there.error().message() + ">";
                co_return;
            }
            seen.came = co_await read_to_end(**there);
            static_cast<void>(co_await (*there)->close());
        };
        co_await when_all(serve(), talk());
    });
    return seen;
}

course by_http(std::vector<turn> turns, const proxy_login& login = proxy_login()) {
    return through(std::move(turns), [&](flow_ptr with) {
        return connect_by_http(std::move(with), proxied_place("example.org", 443), login);
    });
}

course by_socks(std::vector<turn> turns, std::string_view host = "a.b",
                const proxy_login& login = proxy_login()) {
    return through(std::move(turns), [&, host](flow_ptr with) {
        return connect_by_socks5(std::move(with), proxied_place(host, 443), login);
    });
}

std::string bytes(std::initializer_list<int> numbers) {
    std::string text;
    for (const int each : numbers) {
        text.push_back(static_cast<char>(each));
    }
    return text;
}

TEST(ForwardProxy, ConnectsByHttp) {
    const course seen = by_http({{10, "HTTP/1.1 200 Yes\r\n\r\nhello"}}, proxy_login("me", "pass"));
    EXPECT_THAT(seen.told, StartsWith("CONNECT example.org:443 HTTP/1.1\r\n"
                                      "Host: example.org:443\r\n"));
    EXPECT_THAT(seen.told, HasSubstr("Proxy-Authorization: Basic bWU6cGFzcw==\r\n"));
    EXPECT_EQ(seen.came, "hello");
}

TEST(ForwardProxy, SaysWhatAnHttpProxySaid) {
    EXPECT_THAT(by_http({{10, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"}}).came,
                StartsWith("<the proxy says 403 No"));
    EXPECT_THAT(by_http({{10, "SSH-2.0\r\n"}}).came, StartsWith("<the proxy"));
    EXPECT_THAT(by_http({{10, ""}}).came, StartsWith("<the proxy"));
}

TEST(ForwardProxy, ConnectsBySocks) {
    const std::string fine = bytes({5, 0, 0, 1, 1, 2, 3, 4, 0, 80});
    const course name = by_socks({{3, bytes({5, 0})}, {10, fine + "hello"}});
    EXPECT_EQ(name.told, bytes({5, 1, 0, 5, 1, 0, 3, 3}) + "a.b" + bytes({1, 0xbb}));
    EXPECT_EQ(name.came, "hello");
    const course four = by_socks({{3, bytes({5, 0})}, {10, fine}}, "192.0.2.1");
    EXPECT_EQ(four.told.substr(3), bytes({5, 1, 0, 1, 192, 0, 2, 1, 1, 0xbb}));
    const course six = by_socks({{3, bytes({5, 0})}, {22, fine}}, "2001:db8::1");
    EXPECT_EQ(six.told.substr(3),
              bytes({5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0xbb}));
    const std::string named = bytes({5, 0, 0, 3, 2}) + "xy" + bytes({0, 80});
    EXPECT_EQ(by_socks({{3, bytes({5, 0})}, {10, named + "hi"}}).came, "hi");
}

TEST(ForwardProxy, LogsInToSocks) {
    const std::string fine = bytes({5, 0, 0, 1, 1, 2, 3, 4, 0, 80});
    const proxy_login login("me", "pass");
    const course seen =
        by_socks({{4, bytes({5, 2})}, {9, bytes({1, 0})}, {10, fine + "hello"}}, "a.b", login);
    EXPECT_EQ(seen.told.substr(0, 4), bytes({5, 2, 0, 2}));
    EXPECT_EQ(seen.told.substr(4, 9), bytes({1, 2}) + "me" + bytes({4}) + "pass");
    EXPECT_EQ(seen.came, "hello");
    EXPECT_THAT(by_socks({{4, bytes({5, 2})}, {9, bytes({1, 1})}}, "a.b", login).came,
                HasSubstr("refuses this user"));
    EXPECT_THAT(by_socks({{3, bytes({5, 2})}}).came, HasSubstr("wants a user"));
}

TEST(ForwardProxy, SaysWhatASocksProxySaid) {
    const auto replied = [](int code) {
        return by_socks({{3, bytes({5, 0})}, {10, bytes({5, code, 0, 1, 0, 0, 0, 0, 0, 0})}}).came;
    };
    EXPECT_THAT(replied(2), HasSubstr("does not allow"));
    EXPECT_THAT(replied(3), HasSubstr("cannot reach"));
    EXPECT_THAT(replied(5), HasSubstr("connected to by"));
    EXPECT_THAT(replied(200), HasSubstr("says 200"));
    EXPECT_THAT(by_socks({{3, "HTTP/1.1 400 Bad\r\n"}}).came, HasSubstr("no SOCKS 5 proxy"));
    EXPECT_THAT(by_socks({{3, bytes({5, 0})}, {10, bytes({5, 0, 0, 9, 0, 0})}}).came,
                HasSubstr("no SOCKS 5 proxy"));
    EXPECT_THAT(by_socks({{3, bytes({5})}}).came, StartsWith("<"));
    EXPECT_THAT(by_socks({}, std::string(300, 'x')).came, HasSubstr("too long"));
}

TEST(ForwardProxy, LeavesOutTheHostsThatAreNamed) {
    EXPECT_TRUE(is_excepted("*", "h", 80));
    EXPECT_TRUE(is_excepted("a, example.org", "example.org", 80));
    EXPECT_TRUE(is_excepted("EXAMPLE.org", "www.example.ORG", 80));
    EXPECT_TRUE(is_excepted(".example.org", "www.example.org", 80));
    EXPECT_TRUE(is_excepted("192.0.2.1,::1", "::1", 80));
    EXPECT_TRUE(is_excepted("example.org:8080", "example.org", 8080));
    EXPECT_FALSE(is_excepted("example.org:8080", "example.org", 80));
    EXPECT_FALSE(is_excepted("example.org", "badexample.org", 80));
    EXPECT_FALSE(is_excepted("", "example.org", 80));
    EXPECT_FALSE(is_excepted("example.org:x,.", "example.org", 80));
}

} // namespace
} // namespace runnel::http
