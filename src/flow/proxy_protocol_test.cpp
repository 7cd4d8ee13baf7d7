// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/proxy_protocol.hpp"

#include "crc32c.hpp"
#include "runnel/core/byte_order.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string as_text(const std::vector<std::byte>& raw) {
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

ip_endpoint at(std::string_view text) {
    return *ip_endpoint::parse(text);
}

parsed_proxy_header parsed(std::string_view text) {
    auto read = parse_proxy_header(bytes(text));
    EXPECT_TRUE(read) << read.error().text();
    EXPECT_TRUE(!read || *read) << "incomplete";
    return read && *read ? **read : parsed_proxy_header();
}

std::string why_not(std::string_view text, const proxy_protocol_limits& limits = {}) {
    const auto read = parse_proxy_header(bytes(text), limits);
    if (read) {
        return *read ? "no error" : "incomplete";
    }
    return std::string(read.error().text());
}

/// A header of version 2 with the length that its rest has.
std::string v2(unsigned command, unsigned kind, std::string_view rest) {
    std::string header = signature;
    header += static_cast<char>(0x20U | command);
    header += static_cast<char>(kind);
    header += static_cast<char>(rest.size() >> 8U);
    header += static_cast<char>(rest.size());
    return header.append(rest);
}

std::string tlv(unsigned type, std::string_view value) {
    std::string written;
    written += static_cast<char>(type);
    written += static_cast<char>(value.size() >> 8U);
    written += static_cast<char>(value.size());
    return written.append(value);
}

const std::string addresses4 = "\x7f\0\0\1\xc0\0\2\1\x12\x34\x01\xbb"s;
const proxy_ip_pair pair4{at("127.0.0.1:4660"), at("192.0.2.1:443")};

TEST(ProxyProtocol, ReadsTheLinesOfTheSpecification) {
    struct {
        std::string_view line;
        std::string_view source;
        std::string_view destination;
    } const cases[] = {
        {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324",
         "192.168.0.11:443"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
         "255.255.255.255:65535"},
        {"PROXY TCP6 2001:db8::1 ::1 0 1\r\n", "[2001:db8::1]:0", "[::1]:1"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    };
    for (const auto& [line, source, destination] : cases) {
        const parsed_proxy_header read = parsed(std::string(line) + "GET / HTTP/1.1\r\n");
        EXPECT_EQ(read.size, line.size());
        EXPECT_EQ(read.version, 1U);
        EXPECT_EQ(read.header.addresses,
                  decltype(read.header.addresses)(proxy_ip_pair{at(source), at(destination)}));
        EXPECT_EQ(encode_proxy_v1(read.header), line);
        for (std::size_t part = 0; part < line.size(); ++part) {
            EXPECT_EQ(why_not(line.substr(0, part)), "incomplete") << part;
        }
    }
}

TEST(ProxyProtocol, IgnoresWhatFollowsUnknown) {
    for (const std::string& line : {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN ffff::1 garbage  -1\r\n"s,
                                    "PROXY UNKNOWN "s + std::string(91, 'x') + "\r\n"}) {
        const parsed_proxy_header read = parsed(line);
        EXPECT_EQ(read.size, line.size());
        EXPECT_EQ(read.header, proxy_header());
    }
    EXPECT_EQ(encode_proxy_v1({}), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(encode_proxy_v1({.addresses = proxy_unix_pair{"/a", "/b"}}), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(encode_proxy_v1({.local = true, .addresses = pair4}), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(encode_proxy_v1({.datagrams = true, .addresses = pair4}), "PROXY UNKNOWN\r\n");
}

TEST(ProxyProtocol, WritesEndpointsOfTwoFamiliesAsIpv6) {
    const proxy_ip_pair mixed{at("192.0.2.1:1"), at("[fe80::1%3]:2")};
    EXPECT_EQ(encode_proxy_v1({.addresses = mixed}), "PROXY TCP6 ::ffff:192.0.2.1 fe80::1 1 2\r\n");
    const auto read = parsed(as_text(*encode_proxy_v2({.addresses = mixed})));
    EXPECT_EQ(std::get<proxy_ip_pair>(read.header.addresses).source, at("[::ffff:192.0.2.1]:1"));
    EXPECT_EQ(std::get<proxy_ip_pair>(read.header.addresses).destination, at("[fe80::1]:2"));
}

TEST(ProxyProtocol, SaysWhatIsWrongWithALine) {
    struct {
        std::string line;
        std::string_view reason;
    } const cases[] = {
        {"GET / HTTP/1.1\r\n", "the connection does not begin with one"},
        {"PROXYTCP4", "the connection does not begin with one"},
        {"proxy TCP4", "the connection does not begin with one"},
        {"\x16\x03\x01", "the connection does not begin with one"},
        {"PROXY \r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY unknown\r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY UNKNOWNX\r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "expected TCP4, TCP6 or UNKNOWN"},
        {"PROXY TCP4\r\n", "expected two addresses and two ports with one space between each"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
         "expected two addresses and two ports with one space between each"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
         "expected two addresses and two ports with one space between each"},
        {"PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n",
         "expected two addresses and two ports with one space between each"},
        {"PROXY TCP4 1.2.3.4 ::1 1 1\r\n", "expected an IPv4 address"},
        {"PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n", "expected an IPv4 address"},
        {"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "expected an IPv4 address"},
        {"PROXY TCP4 1.2.3.4\t1.2.3.4 1 1 1\r\n", "expected an IPv4 address"},
        {"PROXY TCP6 1.2.3.4 ::1 1 1\r\n", "expected an IPv6 address"},
        {"PROXY TCP6 fe80::1%1 ::1 1 1\r\n", "expected an IPv6 address"},
        {"PROXY TCP6 [::1] ::1 1 1\r\n", "expected an IPv6 address"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "expected ports from 0 to 65535"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 01\r\n", "expected ports from 0 to 65535"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 -1\r\n", "expected ports from 0 to 65535"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "expected ports from 0 to 65535"},
        {"PROXY UNKNOWN\n", "the line does not end with CR and LF"},
        {"PROXY UNKNOWN\n\r\n", "the line does not end with CR and LF"},
        {"PROXY UNKNOWN\rX", "the line does not end with CR and LF"},
        {"PROXY UNKNOWN " + std::string(92, 'x') + "\r", "no end of line within 107 bytes"},
        {"PROXY UNKNOWN " + std::string(93, 'x'), "no end of line within 107 bytes"},
        {"PROXY UNKNOWN " + std::string(500, 'x') + "\r\n", "no end of line within 107 bytes"},
    };
    for (const auto& [line, reason] : cases) {
        EXPECT_EQ(why_not(line), "PROXY header: " + std::string(reason)) << line;
    }
    EXPECT_EQ(why_not("PROXY UNKNOWN " + std::string(92, 'x')), "incomplete");
    EXPECT_EQ(why_not(""), "incomplete");
    EXPECT_EQ(parse_proxy_header(bytes("X")).error(), errc::protocol_error);
}

TEST(ProxyProtocol, ReadsEveryFamilyOfVersion2) {
    const parsed_proxy_header tcp4 = parsed(v2(1, 0x11, addresses4) + "data");
    EXPECT_EQ(tcp4.size, 28U);
    EXPECT_EQ(tcp4.version, 2U);
    EXPECT_EQ(tcp4.header, (proxy_header{.addresses = pair4}));

    const parsed_proxy_header udp4 = parsed(v2(1, 0x12, addresses4));
    EXPECT_EQ(udp4.header, (proxy_header{.datagrams = true, .addresses = pair4}));

    const std::string addresses6 =
        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s + std::string(15, '\0') + "\1\0\1\0\2"s;
    EXPECT_EQ(parsed(v2(1, 0x21, addresses6)).header,
              (proxy_header{.addresses = proxy_ip_pair{at("[2001:db8::1]:1"), at("[::1]:2")}}));

    std::string paths = "/run/a"s + std::string(102, 'z') + "\0abstract"s;
    paths.resize(216);
    EXPECT_EQ(parsed(v2(1, 0x31, paths)).header,
              (proxy_header{.addresses =
                                proxy_unix_pair{"/run/a" + std::string(102, 'z'), "\0abstract"s}}));
    EXPECT_EQ(parsed(v2(1, 0x32, std::string(216, '\0'))).header,
              (proxy_header{.datagrams = true, .addresses = proxy_unix_pair{}}));
    paths.replace(0, 108, "/short\0junk"s + std::string(97, 'j'));
    EXPECT_EQ(std::get<proxy_unix_pair>(parsed(v2(1, 0x31, paths)).header.addresses).source,
              "/short");
}

TEST(ProxyProtocol, SkipsWhatAnUnspecifiedOrLocalHeaderHolds) {
    for (const unsigned kind : {0x00U, 0x01U, 0x10U, 0x30U}) {
        const parsed_proxy_header read = parsed(v2(1, kind, "any thing"));
        EXPECT_EQ(read.size, 25U);
        EXPECT_EQ(read.header, proxy_header());
    }
    // The family of a local one is ignored, whatever it is.
    for (const unsigned kind : {0x00U, 0x11U, 0xFFU}) {
        EXPECT_EQ(parsed(v2(0, kind, "any")).header, proxy_header{.local = true});
    }
    EXPECT_EQ(parsed(v2(0, 0, "")).size, 16U);
}

TEST(ProxyProtocol, WaitsForAllOfAHeaderOfVersion2) {
    const std::string whole = v2(1, 0x11, addresses4 + tlv(4, "padding"));
    for (std::size_t part = 0; part < whole.size(); ++part) {
        EXPECT_EQ(why_not(whole.substr(0, part)), "incomplete") << part;
    }
    EXPECT_EQ(why_not(whole), "no error");
}

TEST(ProxyProtocol, SaysWhatIsWrongWithAHeaderOfVersion2AsSoonAsItCanBeSeen) {
    EXPECT_EQ(why_not("\r\n\r\n\1"), "PROXY header: the connection does not begin with one");
    EXPECT_EQ(why_not("\r\n\r\n\0\r\nQUIT\r"sv),
              "PROXY header: the connection does not begin with one");
    EXPECT_EQ(why_not(signature + "\x11"), "PROXY header: version 1 is unknown");
    EXPECT_EQ(why_not(signature + "\x31"), "PROXY header: version 3 is unknown");
    EXPECT_EQ(why_not(signature + "\x22"), "PROXY header: command 2 is unknown");
    EXPECT_EQ(why_not(signature + "\x21\x41"),
              "PROXY header: family and transport 0x41 are unknown");
    EXPECT_EQ(why_not(signature + "\x21\x13"),
              "PROXY header: family and transport 0x13 are unknown");
    EXPECT_EQ(why_not(signature + "\x21\x11\0\x0b"s), "PROXY header: the addresses are cut off");
    EXPECT_EQ(why_not(signature + "\x21\x21\0\x23"s), "PROXY header: the addresses are cut off");
    EXPECT_EQ(why_not(signature + "\x21\x31\0\xd7"s), "PROXY header: the addresses are cut off");
}

TEST(ProxyProtocol, KeepsToItsLimits) {
    EXPECT_EQ(why_not(signature + "\x21\x11\x0f\xf0"), "incomplete");
    EXPECT_EQ(why_not(signature + "\x21\x11\x0f\xf1"), "PROXY header: 4097 bytes, of at most 4096");
    EXPECT_EQ(parse_proxy_header(bytes(signature + "\x21\x11\xff\xff")).error(),
              errc::limit_exceeded);
    EXPECT_EQ(why_not(signature + "\x21\x11\xff\xff", {.longest = 65551}), "incomplete");
    const std::string v1 = "PROXY UNKNOWN\r\n";
    EXPECT_EQ(why_not(v1, {.version1 = false}),
              "PROXY header: the connection does not begin with one");
    EXPECT_EQ(why_not(v2(0, 0, ""), {.version2 = false}),
              "PROXY header: the connection does not begin with one");
    EXPECT_EQ(why_not("\r", {.version2 = false}),
              "PROXY header: the connection does not begin with one");
}

proxy_header full_header() {
    return {.addresses = pair4,
            .alpn = "h2",
            .authority = "example.org",
            .unique_id = std::string(128, '\xff'),
            .network_namespace = "blue",
            .tls = proxy_tls{.used = true,
                             .certificate_on_connection = true,
                             .certificate_on_session = true,
                             .verify = 0x0102'0304,
                             .version = "TLSv1.3",
                             .common_name = "client",
                             .cipher = "TLS_AES_128_GCM_SHA256",
                             .signature_algorithm = "RSA-SHA256",
                             .key_algorithm = "RSA2048"},
            .extensions = {{0xE0, "one"}, {0xE0, "two"}, {0x99, ""}}};
}

TEST(ProxyProtocol, ReadsAllExtensionsItWrites) {
    for (const bool with_checksum : {false, true}) {
        const auto written = encode_proxy_v2(full_header(), with_checksum);
        ASSERT_TRUE(written);
        const parsed_proxy_header read = parsed(as_text(*written));
        EXPECT_EQ(read.size, written->size());
        EXPECT_EQ(read.header, full_header());
    }
}

TEST(ProxyProtocol, WritesWhatTheSpecificationSays) {
    EXPECT_EQ(as_text(*encode_proxy_v2({.addresses = pair4})), v2(1, 0x11, addresses4));
    EXPECT_EQ(as_text(*encode_proxy_v2({.local = true, .addresses = pair4, .alpn = "h2"})),
              v2(0, 0, ""));
    EXPECT_EQ(as_text(*encode_proxy_v2({})), v2(1, 0, ""));
    const proxy_header tls{.addresses = pair4,
                           .alpn = "h2",
                           .tls = proxy_tls{.used = true, .verify = 1, .cipher = "X"}};
    EXPECT_EQ(as_text(*encode_proxy_v2(tls)),
              v2(1, 0x11, addresses4 + tlv(1, "h2") + tlv(0x20, "\1\0\0\0\1"s + tlv(0x23, "X"))));
}

TEST(ProxyProtocol, ChecksTheChecksum) {
    const auto written = encode_proxy_v2({.addresses = pair4, .authority = "example.org"}, true);
    const std::string good = as_text(*written);
    EXPECT_EQ(good.substr(good.size() - 7, 3), "\3\0\4"s);
    EXPECT_EQ(why_not(good + "more"), "no error");
    for (std::size_t i = 16; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = static_cast<char>(changed[i] ^ 0x20);
        // With another type, it is no checksum any more.
        EXPECT_EQ(why_not(changed) == "no error", i == good.size() - 7) << i;
    }
    EXPECT_EQ(why_not(v2(1, 0x11, addresses4 + tlv(3, "abcd"))),
              "PROXY header: the checksum is wrong");
    EXPECT_EQ(why_not(v2(1, 0x11, addresses4 + tlv(3, "abc"))),
              "PROXY header: the checksum is not 4 bytes");
    EXPECT_NE(why_not(v2(1, 0x11, good.substr(16) + good.substr(good.size() - 7))), "no error");

    // Extensions behind the checksum are part of the sum, too.
    std::string inside = v2(1, 0x11, addresses4 + tlv(3, "\0\0\0\0"sv) + tlv(2, "h"));
    const std::uint32_t sum = crc32c(0, bytes(inside));
    store_be32(std::as_writable_bytes(std::span(inside)), 31, sum);
    EXPECT_EQ(parsed(inside).header.authority, "h");
}

TEST(ProxyProtocol, ReadsWhatHaproxyWrites) {
    // Captured from version 2.6.12 with proxy-v2-options crc32c,unique-id; "hello" is the client's.
    constexpr auto v4 = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x3a\x7f\x00"
                        "\x00\x01\x7f\x00\x00\x01"
                        "\xa5\xe0\x46\xb5\x03\x00\x04\xb6\x0e\x83\x15\x05\x00\x24\x61\x32\x32\x35"
                        "\x34\x31\x66\x66\x2d\x62"
                        "\x38\x64\x62\x2d\x34\x33\x61\x39\x2d\x39\x35\x36\x63\x2d\x66\x36\x36\x38"
                        "\x30\x33\x63\x61\x61\x38"
                        "\x35\x31\x68\x65\x6c\x6c\x6f"sv;
    constexpr auto v6 = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x21\x00\x2b\x00\x00"
                        "\x00\x00\x00\x00\x00\x00"
                        "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                        "\x00\x00\x00\x00\x00\x01"
                        "\xae\xa8\x46\xb7\x03\x00\x04\xf5\x55\xd4\xf0\x68\x65\x6c\x6c\x6f"sv;
    const parsed_proxy_header read4 = parsed(v4);
    EXPECT_EQ(v4.substr(read4.size), "hello");
    EXPECT_EQ(read4.header, (proxy_header{.addresses = proxy_ip_pair{at("127.0.0.1:42464"),
                                                                     at("127.0.0.1:18101")},
                                          .unique_id = "a22541ff-b8db-43a9-956c-f66803caa851"}));
    const parsed_proxy_header read6 = parsed(v6);
    EXPECT_EQ(v6.substr(read6.size), "hello");
    EXPECT_EQ(read6.header,
              (proxy_header{.addresses = proxy_ip_pair{at("[::1]:44712"), at("[::1]:18103")}}));
    EXPECT_EQ(as_text(*encode_proxy_v2(read6.header, true)), v6.substr(0, read6.size));
}

TEST(ProxyProtocol, RefusesMalformedExtensions) {
    const auto with = [](std::string_view extensions) {
        return why_not(v2(1, 0x11, addresses4 + std::string(extensions)));
    };
    EXPECT_EQ(with("\4"), "PROXY header: an extension is cut off");
    EXPECT_EQ(with("\4\0"sv), "PROXY header: an extension is cut off");
    EXPECT_EQ(with("\4\0\1"sv), "PROXY header: an extension is cut off");
    EXPECT_EQ(with("\4\0\0"sv), "no error");
    EXPECT_EQ(with(tlv(4, "") + tlv(4, "xx") + "\4"), "PROXY header: an extension is cut off");
    for (const unsigned twice : {1U, 2U, 5U, 0x30U}) {
        EXPECT_EQ(with(tlv(twice, "a") + tlv(twice, "b")),
                  "PROXY header: an extension is given twice");
    }
    const std::string tls = tlv(0x20, "\1\0\0\0\0"sv);
    EXPECT_EQ(with(tls + tls), "PROXY header: an extension is given twice");
    EXPECT_EQ(with(tlv(5, std::string(128, 'x'))), "no error");
    EXPECT_EQ(with(tlv(5, std::string(129, 'x'))),
              "PROXY header: the unique id is longer than 128 bytes");
    EXPECT_EQ(with(tlv(0x20, "\1\0\0\0"sv)), "PROXY header: the extension about TLS is cut off");
    EXPECT_EQ(with(tlv(0x20, "\1\0\0\0\0\x21\0\1"sv)), "PROXY header: an extension is cut off");
    EXPECT_EQ(with(tlv(0x20, "\1\0\0\0\0"s + tlv(0x2F, "new") + tlv(0x21, "v"))), "no error");
}

TEST(ProxyProtocol, RefusesToWriteWhatHasNoRoom) {
    const auto why = [](const proxy_header& header) {
        const auto written = encode_proxy_v2(header, true);
        return written ? "no error" : std::string(written.error().text());
    };
    EXPECT_EQ(why({.addresses = proxy_unix_pair{std::string(108, 'x'), ""}}), "no error");
    EXPECT_EQ(why({.addresses = proxy_unix_pair{"", std::string(109, 'x')}}),
              "PROXY header: a Unix path of 109 bytes is too long");
    EXPECT_EQ(why({.unique_id = std::string(129, 'x')}),
              "PROXY header: a unique id of 129 bytes is too long");
    EXPECT_EQ(why({.alpn = std::string(65536, 'x')}),
              "PROXY header: an extension is longer than 65535 bytes");
    EXPECT_EQ(why({.tls = proxy_tls{.cipher = std::string(65533, 'x')}}),
              "PROXY header: an extension is longer than 65535 bytes");
    EXPECT_EQ(why({.alpn = std::string(40000, 'x'), .authority = std::string(30000, 'x')}),
              "PROXY header: 70013 bytes are too long");
    EXPECT_EQ(why({.extensions = {{3, "abcd"}}}),
              "PROXY header: extension 3 has a place of its own");
    EXPECT_EQ(why({.alpn = std::string(65000, 'x')}), "no error");
}

TEST(Crc32c, HasTheKnownValues) {
    EXPECT_EQ(crc32c(0, {}), 0U);
    EXPECT_EQ(crc32c(0, bytes("123456789")), 0xE306'9283U);
    // RFC 3720, appendix B.4.
    EXPECT_EQ(crc32c(0, bytes(std::string(32, '\0'))), 0x8A91'36AAU);
    EXPECT_EQ(crc32c(0, bytes(std::string(32, '\xff'))), 0x62A8'AB43U);
    EXPECT_EQ(crc32c(crc32c(0, bytes("1234")), bytes("56789")), 0xE306'9283U);
}

} // namespace
} // namespace runnel
