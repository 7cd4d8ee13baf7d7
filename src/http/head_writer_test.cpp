// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/head_writer.hpp"

#include "engine_test.hpp"

namespace runnel::http {
namespace {

std::string text_of(const result<buffer>& head) {
    return head ? std::string(head->view()) : "<" + head.error().message() + ">";
}

TEST(HeadWriter, WritesResponses) {
    field_block fields;
    fields.add("Content-Type", "text/plain").add("X-Number", 18446744073709551615U);
    EXPECT_EQ(text_of(encode_head(status::ok, fields,
                                  {.body = {.kind = body_kind::length, .length = 5}})),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Number: 18446744073709551615\r\n"
              "Content-Length: 5\r\n\r\n");
    EXPECT_EQ(text_of(encode_head(static_cast<status>(299), {},
                                  {.body = {.kind = body_kind::chunked}, .keep_alive = false})),
              "HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(text_of(encode_head(status::no_content, {}, {.peer_minor = 0})),
              "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(text_of(encode_head(status::switching_protocols, {}, {.upgrade = "websocket"})),
              "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
              "\r\n");
    EXPECT_EQ(text_of(encode_head(status::continue_, {}, {.keep_alive = false})),
              "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(HeadWriter, WritesRequests) {
    field_block fields;
    fields.add("Accept", " */* ");
    EXPECT_EQ(text_of(encode_head(
                  "PUT", "/a?b", "h:80", fields,
                  {.body = {.kind = body_kind::length, .length = 0}, .expects_continue = true})),
              "PUT /a?b HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\nContent-Length: 0\r\n"
              "Expect: 100-continue\r\n\r\n");
}

TEST(HeadWriter, RefusesWhatWouldSplitOrSmuggle) {
    for (const std::string_view value : {"a\r\nb: c", "a\nb", "a\rb", "a\x7f", "a\x01"}) {
        field_block fields;
        fields.add("X", value);
        EXPECT_EQ(encode_head(status::ok, fields, {}).error(), errc::invalid_argument) << value;
    }
    for (const std::string_view name :
         {"", "a b", "a:", "a\r\n", "Content-Length", "transfer-encoding", "CONNECTION", "Host",
          "Upgrade", "Expect", "Keep-Alive", "\xc3\xa4"}) {
        field_block fields;
        fields.add(name, "1").add("Y", "2");
        EXPECT_EQ(encode_head(status::ok, fields, {}).error(), errc::invalid_argument) << name;
        EXPECT_EQ(encode_head("GET", "/", "h", fields, {}).error(), errc::invalid_argument);
    }
    EXPECT_FALSE(encode_head(status::ok, {}, {.upgrade = "a\r\nb"}));
    EXPECT_FALSE(encode_head(status::no_content, {}, {.body = {.kind = body_kind::chunked}}));
    EXPECT_FALSE(
        encode_head(status::continue_, {}, {.body = {.kind = body_kind::length, .length = 1}}));
    EXPECT_FALSE(
        encode_head(status::ok, {}, {.body = {.kind = body_kind::chunked}, .peer_minor = 0}));
    EXPECT_FALSE(encode_head(static_cast<status>(99), {}, {}));
    EXPECT_FALSE(encode_head(static_cast<status>(1000), {}, {}));
    for (const std::string_view target : {"", "/a b", "/\r\n", "/\xc3\xa4", "/#x", "/\x7f"}) {
        EXPECT_FALSE(encode_head("GET", target, "h", {}, {})) << target;
    }
    EXPECT_FALSE(encode_head("GE T", "/", "h", {}, {}));
    EXPECT_FALSE(encode_head("GET", "/", "a,b", {}, {}));
    EXPECT_FALSE(encode_head("GET", "/", "u@h", {}, {}));
}

TEST(HeadWriter, KnowsWhichFieldsItHas) {
    field_block fields;
    fields.add("A", "1").add("Long-Name", "2");
    EXPECT_TRUE(fields.contains("a"));
    EXPECT_TRUE(fields.contains("LONG-NAME"));
    EXPECT_FALSE(fields.contains("Long"));
    fields.add("X", std::string(5000, 'x'));
    EXPECT_TRUE(fields.contains("x"));
    fields.clear();
    EXPECT_EQ(fields.text(), "");
}

} // namespace
} // namespace runnel::http
