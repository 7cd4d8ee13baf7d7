// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/url.hpp"

#include <gtest/gtest.h>

namespace runnel::http {
namespace {

std::string parsed(std::string_view text) {
    const result<url> read = url::parse(text);
    return read ? read->to_string() : "<" + read.error().message() + ">";
}

std::string resolved(std::string_view reference, std::string_view base = "http://h/b/c/d?q") {
    const result<url> read = url::parse(base)->resolve(reference);
    return read ? read->to_string() : "<" + read.error().message() + ">";
}

TEST(Url, IsReadAndWritten) {
    EXPECT_EQ(parsed("http://example.org"), "http://example.org/");
    EXPECT_EQ(parsed("HTTP://Example.ORG:80/A?b#c"), "http://example.org/A?b");
    EXPECT_EQ(parsed("https://[::1]:8443/x?y=/../z"), "https://[::1]:8443/x?y=/../z");
    EXPECT_EQ(parsed("http://h?q"), "http://h/?q");
    EXPECT_EQ(parsed("http://h:/"), "http://h/");
    EXPECT_EQ(parsed("ws://h:80/./a/../b/."), "ws://h/b/");
    const url one = url::parse("https://[2001:db8::1]/a?b").value();
    EXPECT_EQ(one.host(), "2001:db8::1");
    EXPECT_EQ(one.port(), 443);
    EXPECT_EQ(one.path(), "/a");
    EXPECT_EQ(one.target(), "/a?b");
    EXPECT_TRUE(one.same_origin(*url::parse("HTTPS://[2001:DB8::1]:443/other")));
    EXPECT_FALSE(one.same_origin(*url::parse("http://[2001:db8::1]:443/")));
}

TEST(Url, IsRefusedWhereReadersMightDiffer) {
    for (const std::string_view text : {"",
                                        "h",
                                        "/path",
                                        "http:",
                                        "http:/h",
                                        "http://",
                                        "http:///p",
                                        "http://:80/",
                                        "http://u@h/",
                                        "http://a b/",
                                        "http://h/a b",
                                        "http://h/\\x",
                                        "http://h\\@x/",
                                        "http://h:65536/",
                                        "http://h:x/",
                                        "http://h:1:2/",
                                        "http://[::1/",
                                        "http://[x]/",
                                        "http://a,b/",
                                        "http://h/%",
                                        "http://h/%4",
                                        "http://h/%zz",
                                        "http://h/\xc3\xa4",
                                        "http://h/\x7f",
                                        "http://h/\n",
                                        "1ttp://h/",
                                        "ht tp://h/",
                                        "http://h/<",
                                        "http://h/\""}) {
        EXPECT_FALSE(url::parse(text)) << text;
    }
    EXPECT_FALSE(url::parse("http://h/" + std::string(9000, 'x')));
}

TEST(Url, ResolvesReferences) {
    EXPECT_EQ(resolved("https://o/x"), "https://o/x");
    EXPECT_EQ(resolved("//o/x"), "http://o/x");
    EXPECT_EQ(resolved("/x"), "http://h/x");
    EXPECT_EQ(resolved("x"), "http://h/b/c/x");
    EXPECT_EQ(resolved("../x"), "http://h/b/x");
    EXPECT_EQ(resolved("../../../../x"), "http://h/x");
    EXPECT_EQ(resolved("./"), "http://h/b/c/");
    EXPECT_EQ(resolved("?z"), "http://h/b/c/d?z");
    EXPECT_EQ(resolved(""), "http://h/b/c/d?q");
    EXPECT_EQ(resolved("#f"), "http://h/b/c/d?q");
    EXPECT_EQ(resolved("x", "http://[::1]:81"), "http://[::1]:81/x");
    EXPECT_FALSE(url::parse("http://h/")->resolve("http:x"));
    EXPECT_FALSE(url::parse("http://h/")->resolve("/a b"));
}

TEST(Url, LosesItsDots) {
    EXPECT_EQ(remove_dot_segments("/a/b/c/./../../g"), "/a/g");
    EXPECT_EQ(remove_dot_segments("/.."), "/");
    EXPECT_EQ(remove_dot_segments("/../a"), "/a");
    EXPECT_EQ(remove_dot_segments("/a/."), "/a/");
    EXPECT_EQ(remove_dot_segments("/a//../b"), "/a/b");
    EXPECT_EQ(remove_dot_segments("/..a/.b"), "/..a/.b");
}

} // namespace
} // namespace runnel::http
