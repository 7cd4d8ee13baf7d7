// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/endpoint.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>
#include <string>
#include <string_view>

namespace runnel {
namespace {

using namespace std::string_literals;

/// Rows such as transports of other libraries bring.
class Endpoint : public testing::Test {
protected:
    static void SetUpTestSuite() {
        EXPECT_TRUE(register_scheme({.name = "tls", .default_port = 443}));
        EXPECT_TRUE(register_scheme({.name = "http", .default_port = 80, .path_after_port = true}));
        EXPECT_TRUE(register_scheme({.name = "braid"}));
        EXPECT_TRUE(register_scheme({.name = "vsock",
                                     .form = scheme_form::id_port,
                                     .example = "vsock://2:1024",
                                     .max_number = 0xFFFF'FFFF}));
        EXPECT_TRUE(register_scheme({.name = "hvsock",
                                     .form = scheme_form::id_port,
                                     .example = "hvsock://machine/service",
                                     .max_number = 0x7FFF'FFFF,
                                     .port_optional = true,
                                     .path_after_port = true}));
    }
};

/// All that was read, in one line: chain|host|number|path|query.
std::string describe(const endpoint& read) {
    return fmt::format("{}|{}|{}|{}|{}", fmt::join(read.schemes(), "+"), read.host(),
                       read.number() ? fmt::format("{}", *read.number()) : "-", read.path(),
                       read.params().to_string());
}

struct good {
    std::string_view text;
    std::string_view parts;
    std::string_view canonical;
};

constexpr good internet[] = {
    {"tcp://example.org:80", "tcp|example.org|80||", "tcp://example.org:80"},
    {"TCP://Example.ORG:80", "tcp|example.org|80||", "tcp://example.org:80"},
    {"tcp://example.org.:80", "tcp|example.org.|80||", "tcp://example.org.:80"},
    {"tcp://a_b-c.d1:080", "tcp|a_b-c.d1|80||", "tcp://a_b-c.d1:80"},
    {"tcp://127.0.0.1:0", "tcp|127.0.0.1|0||", "tcp://127.0.0.1:0"},
    {"tcp://1.2.3.4.example:1", "tcp|1.2.3.4.example|1||", "tcp://1.2.3.4.example:1"},
    {"tcp://[::1]:80", "tcp|::1|80||", "tcp://[::1]:80"},
    {"tcp://[2001:DB8:0::0:1]:65535", "tcp|2001:db8::1|65535||", "tcp://[2001:db8::1]:65535"},
    {"tcp://[::ffff:1.2.3.4]:1", "tcp|::ffff:1.2.3.4|1||", "tcp://[::ffff:1.2.3.4]:1"},
    {"tcp://[fe80::1%eth0]:1", "tcp|fe80::1%eth0|1||", "tcp://[fe80::1%eth0]:1"},
    {"tcp://[fe80::1%25eth0]:1", "tcp|fe80::1%eth0|1||", "tcp://[fe80::1%eth0]:1"},
    {"tcp://[fe80::1%2]:1", "tcp|fe80::1%2|1||", "tcp://[fe80::1%2]:1"},
    {"tcp://[fe80::1%2525g]:1", "tcp|fe80::1%25g|1||", "tcp://[fe80::1%2525g]:1"},
    {"tcp://:9000", "tcp||9000||", "tcp://:9000"},
    {"tcp://*:9000", "tcp||9000||", "tcp://:9000"},
    {"tcp://h:http", "tcp|h|80||", "tcp://h:80"},
    {"tcp://h:https", "tcp|h|443||", "tcp://h:443"},
    {"tcp://h:1?", "tcp|h|1||", "tcp://h:1"},
    {"tcp://h:1?nodelay&keepalive=60s,10s,6", "tcp|h|1||?nodelay&keepalive=60s,10s,6",
     "tcp://h:1?nodelay&keepalive=60s,10s,6"},
};

constexpr good paths[] = {
    {"unix:/run/x.sock", "unix||-|/run/x.sock|", "unix:/run/x.sock"},
    {"unix:///run/x.sock", "unix||-|/run/x.sock|", "unix:/run/x.sock"},
    {"unix:////server/x", "unix||-|//server/x|", "unix:////server/x"},
    {"unix:x", "unix||-|x|", "unix:x"},
    {"unix:a b+c:d@e[f]#g", "unix||-|a b+c:d@e[f]#g|", "unix:a b+c:d@e[f]#g"},
    {"unix:/a%3Fb%25c", "unix||-|/a?b%c|", "unix:/a%3Fb%25c"},
    {"unix:/gr%c3%bc%C3%9f", "unix||-|/grüß|", "unix:/grüß"},
    {"unix:/x?mode=0600", "unix||-|/x|?mode=0600", "unix:/x?mode=0600"},
    {"file:/etc/passwd", "file||-|/etc/passwd|", "file:/etc/passwd"},
    {"file:notes.txt", "file||-|notes.txt|", "file:notes.txt"},
    {"unix-abstract:name", "unix-abstract||-|name|", "unix-abstract:name"},
    {"unix-abstract:/not/a/path", "unix-abstract||-|/not/a/path|", "unix-abstract:/not/a/path"},
};

constexpr good others[] = {
    {"stdio:", "stdio||-||", "stdio:"},
    {"pipe:", "pipe||-||", "pipe:"},
    {"pipe:?capacity=64KiB", "pipe||-||?capacity=64KiB", "pipe:?capacity=64KiB"},
    {"fd:3", "fd||3||", "fd:3"},
    {"fd:0", "fd||0||", "fd:0"},
    {"FD:2147483647", "fd||2147483647||", "fd:2147483647"},
    {"exec:ls -l | wc", "exec||-|ls -l | wc|", "exec:ls -l | wc"},
    {"exec:date +%25s", "exec||-|date +%s|", "exec:date +%25s"},
    {"exec:ls *.c%3F?stderr", "exec||-|ls *.c?|?stderr", "exec:ls *.c%3F?stderr"},
    {"exec:%2F/bin/true", "exec||-|//bin/true|", "exec:%2F/bin/true"},
    {"exec:a:b://c", "exec||-|a:b://c|", "exec:a:b://c"},
};

constexpr good layered[] = {
    {"tls+tcp://host:8443", "tls+tcp|host|8443||", "tls+tcp://host:8443"},
    {"tls+tcp://host", "tls+tcp|host|443||", "tls+tcp://host:443"},
    {"http+tcp://host/a/b?x", "http+tcp|host|80|/a/b|?x", "http+tcp://host:80/a/b?x"},
    {"http+tcp://host:8/", "http+tcp|host|8|/|", "http+tcp://host:8/"},
    {"http+tls+tcp://[::1]/", "http+tls+tcp|::1|443|/|", "http+tls+tcp://[::1]:443/"},
    {"http+unix:/run/x", "http+unix||-|/run/x|", "http+unix:/run/x"},
    {"BRAID+tls+Unix:/x", "braid+tls+unix||-|/x|", "braid+tls+unix:/x"},
    {"braid+exec:ssh host", "braid+exec||-|ssh host|", "braid+exec:ssh host"},
    {"braid+stdio:", "braid+stdio||-||", "braid+stdio:"},
    {"vsock://2:1024", "vsock|2|1024||", "vsock://2:1024"},
    {"vsock://:1024", "vsock||1024||", "vsock://:1024"},
    {"vsock://host:4294967295", "vsock|host|4294967295||", "vsock://host:4294967295"},
    {"hvsock://e0e16197-dd56/s1", "hvsock|e0e16197-dd56|-|/s1|", "hvsock://e0e16197-dd56/s1"},
    {"hvsock://machine", "hvsock|machine|-||", "hvsock://machine"},
    {"hvsock://machine:5", "hvsock|machine|5||", "hvsock://machine:5"},
};

constexpr good shorthands[] = {
    {"-", "stdio||-||", "stdio:"},
    {"localhost:80", "tcp|localhost|80||", "tcp://localhost:80"},
    {"localhost:http", "tcp|localhost|80||", "tcp://localhost:80"},
    {"a.b-c:1?nodelay", "tcp|a.b-c|1||?nodelay", "tcp://a.b-c:1?nodelay"},
    {"my_host:80", "tcp|my_host|80||", "tcp://my_host:80"},
    {"127.0.0.1:80", "tcp|127.0.0.1|80||", "tcp://127.0.0.1:80"},
    {"[::1]:80", "tcp|::1|80||", "tcp://[::1]:80"},
    {":9000", "tcp||9000||", "tcp://:9000"},
    {"*:9000", "tcp||9000||", "tcp://:9000"},
    {"/run/x", "unix||-|/run/x|", "unix:/run/x"},
    {"./x", "unix||-|./x|", "unix:./x"},
    {"../x:80", "unix||-|../x:80|", "unix:../x:80"},
    {"/run/x?mode=0600", "unix||-|/run/x|?mode=0600", "unix:/run/x?mode=0600"},
};

void expect_good(std::span<const good> cases) {
    for (const auto& [text, parts, canonical] : cases) {
        const auto read = endpoint::parse(text);
        ASSERT_TRUE(read) << read.error().text();
        EXPECT_EQ(describe(*read), parts) << text;
        EXPECT_EQ(read->to_string(), canonical) << text;
        const auto again = endpoint::parse(canonical);
        ASSERT_TRUE(again) << again.error().text();
        EXPECT_EQ(*again, *read) << text;
    }
}

TEST_F(Endpoint, ReadsHostsAndPorts) {
    expect_good(internet);
}

TEST_F(Endpoint, ReadsPaths) {
    expect_good(paths);
}

TEST_F(Endpoint, ReadsCommandsAndNumbers) {
    expect_good(others);
}

TEST_F(Endpoint, ReadsLayersAndRegisteredSchemes) {
    expect_good(layered);
}

TEST_F(Endpoint, ReadsShorthands) {
    expect_good(shorthands);
}

TEST_F(Endpoint, KeepsNulInAbstractNamesOnly) {
    const auto abstract = endpoint::parse("unix-abstract:a%00b");
    ASSERT_TRUE(abstract);
    EXPECT_EQ(abstract->path(), "a\0b"s);
    EXPECT_EQ(abstract->to_string(), "unix-abstract:a%00b");
    EXPECT_FALSE(endpoint::parse("unix:/a%00b"));
}

struct bad {
    std::string_view text;
    int character;
    std::string_view message;
};

constexpr bad wrong_schemes[] = {
    {"", 1, "expected an endpoint such as tcp://host:port or unix:/path"},
    {"?a", 1, "expected an endpoint such as tcp://host:port or unix:/path"},
    {"tpc://h:1", 1, "unknown scheme 'tpc'; did you mean 'tcp'?"},
    {"unx:/x", 1, "unknown scheme 'unx'; did you mean 'unix'?"},
    {"gopher://h", 1, "unknown scheme 'gopher'"},
    {"tls+tpc://h:1", 5, "unknown scheme 'tpc'; did you mean 'tcp'?"},
    {"tls++tcp://h:1", 5, "expected the name of a scheme"},
    {"tls+://h:1", 5, "expected the name of a scheme"},
    {"tls://h:1", 1, "'tls' is a layer and needs a transport behind it, as in tls+tcp:"},
    {"tcp+tls://h:1", 1, "'tcp' is a transport and cannot run over another"},
    {"tls+tcp+unix:/x", 5, "'tcp' is a transport and cannot run over another"},
    {"tcp:h:1", 5, "expected '//' and a host, as in tcp://host:port"},
    {"tcp:/h:1", 5, "expected '//' and a host, as in tcp://host:port"},
    {"tcp:", 5, "expected '//' and a host, as in tcp://host:port"},
};

constexpr bad wrong_hosts[] = {
    {"tcp://", 7, "expected ':' and a port, as in tcp://host:port"},
    {"tcp://[::1", 11, "expected ']' after an IPv6 address"},
    {"tcp://[]:1", 8, "expected an IPv6 address"},
    {"tcp://[1.2.3.4]:1", 8, "expected an IPv6 address, got '1.2.3.4'"},
    {"tcp://[::1]]:1", 12, "expected ':' and a port, as in tcp://host:port"},
    {"tcp://::1:80", 7, "an IPv6 address stands in brackets, as in [::1]:80"},
    {"tcp://a:b:1", 7, "an IPv6 address stands in brackets, as in [::1]:80"},
    {"::1", 1, "an IPv6 address stands in brackets: [::1]:port"},
    {"fe80::1", 1, "an IPv6 address stands in brackets: [fe80::1]:port"},
    {"2001:db8::1", 1, "an IPv6 address stands in brackets: [2001:db8::1]:port"},
    {"tcp://user@h:1", 11, "unexpected '@': an endpoint has no user name"},
    {"tcp://a b:1", 8, "expected a letter, a digit, '-', '_' or '.' in the name of a host"},
    {"tcp://a%20b:1", 8, "expected a letter, a digit, '-', '_' or '.' in the name of a host"},
    {"tcp://bücher.de:1", 8, "expected ASCII: an international name is written as xn--…"},
    {"tcp://a..b:1", 9, "expected a label between the dots of the host name"},
    {"tcp://.a:1", 7, "expected a label between the dots of the host name"},
    {"-x:1", 1, "the name of a host does not begin with '-'"},
    {"tcp://256.1.1.1:1", 7, "'256.1.1.1' is not an IPv4 address"},
    {"tcp://127.1:1", 7, "'127.1' is not an IPv4 address"},
    {"tcp://127.0.0.01:1", 7, "'127.0.0.01' is not an IPv4 address"},
    {"tcp://0x7f000001:1", 7, "'0x7f000001' is not an IPv4 address"},
    {"tcp://a.0X7F:1", 7, "'a.0X7F' is not an IPv4 address"},
    {"tcp://1.2.3.4.:1", 7, "'1.2.3.4.' is not an IPv4 address"},
    {"vsock://a b:1", 10, "expected a letter, a digit or '-' in the name of a machine"},
};

constexpr bad wrong_ports[] = {
    {"tcp://host:99999", 12, "port 99999 is out of range (0 to 65535)"},
    {"tcp://host:65536", 12, "port 65536 is out of range (0 to 65535)"},
    {"tcp://host:99999999999999999999", 12,
     "port 99999999999999999999 is out of range (0 to 65535)"},
    {"tcp://host:", 12, "expected a port from 0 to 65535"},
    {"tcp://host", 11, "expected ':' and a port, as in tcp://host:port"},
    {"tcp://host?x", 11, "expected ':' and a port, as in tcp://host:port"},
    {"tcp://host:abc", 12, "expected a port from 0 to 65535, got 'abc'"},
    {"tcp://host:-1", 12, "expected a port from 0 to 65535, got '-1'"},
    {"tcp://host: 1", 12, "expected a port from 0 to 65535, got ' 1'"},
    {"tcp://host:1 ", 12, "expected a port from 0 to 65535, got '1 '"},
    {"tcp://host:80/", 14, "unexpected '/' after the end of the endpoint, as in tcp://host:port"},
    {"tcp://grüß", 9, "expected ASCII: an international name is written as xn--…"},
    {"localhost", 10, "expected ':' and a port, as in tcp://host:port"},
    {"localhost:", 11, "expected a port from 0 to 65535"},
    {"localhost:99999", 11, "port 99999 is out of range (0 to 65535)"},
    {"localhost:80x", 11, "expected a port from 0 to 65535, got '80x'"},
    {"localhost:x", 1, "unknown scheme 'localhost'"},
    {"vsock://2:4294967296", 11, "port 4294967296 is out of range (0 to 4294967295)"},
    {"vsock://2", 10, "expected ':' and a port, as in vsock://2:1024"},
    {"fd:", 4, "expected a number from 0 to 2147483647"},
    {"fd:x", 4, "expected a number from 0 to 2147483647, got 'x'"},
    {"fd:2147483648", 4, "number 2147483648 is out of range (0 to 2147483647)"},
};

constexpr bad wrong_texts[] = {
    {"unix:", 6, "expected a path, as in unix:/path"},
    {"unix:?x", 6, "expected a path, as in unix:/path"},
    {"unix://", 8, "expected a path and no host, as in unix:/path"},
    {"unix://host/x", 8, "expected a path and no host, as in unix:/path"},
    {"unix:/50%", 9, "expected two hexadecimal digits after '%'; a percent sign is written %25"},
    {"unix:/grüß/%zz", 12,
     "expected two hexadecimal digits after '%'; a percent sign is written %25"},
    {"unix:/a%00b", 6, "a NUL character is not allowed here"},
    {"exec:", 6, "expected text, as in exec:command with arguments"},
    {"exec://bin/ls", 6, "expected text, as in exec:command with arguments"},
    {"unix-abstract://x", 15, "expected text, as in unix-abstract:name"},
    {"stdio:x", 7, "unexpected 'x' after the end of the endpoint, as in stdio:"},
    {"stdio://", 7, "unexpected '//' after the end of the endpoint, as in stdio:"},
    {"pipe:a\tb", 6, "unexpected 'a\\x09b' after the end of the endpoint, as in pipe:"},
    {"stdio:?a&a", 10, "parameter 'a' is given twice"},
};

void expect_bad(std::span<const bad> cases) {
    for (const auto& [text, character, message] : cases) {
        const auto read = endpoint::parse(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error(), errc::invalid_argument);
        std::string quoted(text);
        if (const auto tab = quoted.find('\t'); tab != std::string::npos) {
            quoted.replace(tab, 1, "\\x09");
        }
        EXPECT_EQ(read.error().text(),
                  fmt::format("endpoint \"{}\": character {}: {}", quoted, character, message));
    }
}

TEST_F(Endpoint, SaysWhatIsWrongWithASchemeAndWhere) {
    expect_bad(wrong_schemes);
}

TEST_F(Endpoint, SaysWhatIsWrongWithAHostAndWhere) {
    expect_bad(wrong_hosts);
}

TEST_F(Endpoint, SaysWhatIsWrongWithAPortAndWhere) {
    expect_bad(wrong_ports);
}

TEST_F(Endpoint, SaysWhatIsWrongWithATextAndWhere) {
    expect_bad(wrong_texts);
}

TEST_F(Endpoint, HasBoundsOnEveryLength) {
    const std::string label(63, 'a');
    const std::string name = label + "." + label + "." + label + "." + std::string(61, 'b');
    EXPECT_TRUE(endpoint::parse("tcp://" + name + ":1"));
    EXPECT_TRUE(endpoint::parse("tcp://" + name + ".:1"));
    EXPECT_NE(endpoint::parse("tcp://" + name + "cc:1")
                  .error()
                  .text()
                  .find("the name of the host is longer than 254 characters"),
              std::string::npos);
    EXPECT_NE(endpoint::parse("tcp://a" + label + ":1")
                  .error()
                  .text()
                  .find("a label of the host name is longer than 63 characters"),
              std::string::npos);

    EXPECT_TRUE(endpoint::parse("unix:/" + std::string(106, 'x')));
    EXPECT_NE(endpoint::parse("unix:/" + std::string(107, 'x'))
                  .error()
                  .text()
                  .find("character 6: 108 bytes are too long: unix takes at most 107"),
              std::string::npos);
    EXPECT_TRUE(endpoint::parse("file:/" + std::string(4000, 'x')));

    EXPECT_TRUE(endpoint::parse("exec:" + std::string(endpoint::longest - 5, 'x')));
    EXPECT_NE(endpoint::parse("exec:" + std::string(endpoint::longest, 'x'))
                  .error()
                  .text()
                  .find("…\": character 65537: longer than 65536 bytes"),
              std::string::npos);
}

TEST_F(Endpoint, TellsLayersAndTransportApart) {
    const auto read = endpoint::parse("http+tls+tcp://h:1/p?verify=no");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->transport(), "tcp");
    EXPECT_EQ(read->info().form, scheme_form::host_port);
    ASSERT_EQ(read->layers().size(), 2U);
    EXPECT_EQ(read->layers()[0], "http");
    EXPECT_EQ(read->inner().to_string(), "tls+tcp://h:1?verify=no");
    EXPECT_EQ(read->inner().inner().to_string(), "tcp://h:1?verify=no");
    EXPECT_TRUE(read->inner().inner().layers().empty());
    EXPECT_EQ(endpoint::parse("braid+http+unix:/x")->inner().to_string(), "http+unix:/x");
    EXPECT_EQ(endpoint::parse("braid+hvsock://m/s")->inner().to_string(), "hvsock://m/s");
}

TEST_F(Endpoint, IsMadeOfPartsByTheSameRules) {
    EXPECT_EQ(
        endpoint::make({.schemes = {"tcp"}, .host = "2001:DB8::1", .number = 80})->to_string(),
        "tcp://[2001:db8::1]:80");
    EXPECT_EQ(endpoint::make({.schemes = {"TLS", "tcp"}, .host = "H"})->to_string(),
              "tls+tcp://h:443");
    EXPECT_EQ(endpoint::make({.schemes = {"tcp"}, .host = "*", .number = 0})->to_string(),
              "tcp://:0");
    EXPECT_EQ(endpoint::make({.schemes = {"unix"}, .path = "/a?b%"})->to_string(),
              "unix:/a%3Fb%25");
    EXPECT_EQ(endpoint::make({.schemes = {"exec"}, .path = "//x"})->to_string(), "exec:%2F/x");
    EXPECT_EQ(endpoint::make({.schemes = {"fd"}, .number = 7})->to_string(), "fd:7");

    EXPECT_FALSE(endpoint::make({}));
    EXPECT_FALSE(endpoint::make({.schemes = {"nothing"}}));
    EXPECT_FALSE(endpoint::make({.schemes = {"tls"}, .host = "h"}));
    EXPECT_FALSE(endpoint::make({.schemes = {"tcp"}, .host = "h?x:1", .number = 1}));
    EXPECT_FALSE(endpoint::make({.schemes = {"http", "tcp"}, .host = "h/x", .number = 1}));
    EXPECT_FALSE(endpoint::make({.schemes = {"tcp"}, .host = "h:1", .number = 1}));
    EXPECT_FALSE(endpoint::make({.schemes = {"tls+tcp"}, .host = "h", .number = 1}));
    EXPECT_FALSE(endpoint::make({.schemes = {"unix"}, .path = ""}));
    EXPECT_FALSE(endpoint::make({.schemes = {"stdio"}, .path = "x"}));
    const auto mixed = endpoint::make({.schemes = {"unix"}, .host = "h", .path = "/x"});
    ASSERT_FALSE(mixed);
    EXPECT_EQ(mixed.error().text(), "host 'h' and path '/x' make no endpoint of scheme 'unix'");
}

} // namespace
} // namespace runnel
