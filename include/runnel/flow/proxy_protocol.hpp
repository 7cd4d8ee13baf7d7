// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

/// The PROXY protocol of HAProxy, versions 1 (a line of text) and 2 (binary): a proxy tells the
/// server behind it, in front of the connection's own bytes, who the client is.
///
/// Everything in a header is what the sender claims. Accept headers only from proxies that are
/// trusted, and then require them: whoever may choose between sending one and not can be anybody.
namespace runnel::inline v0 {

/// Endpoints of the connection that the proxy received.
struct proxy_ip_pair {
    ip_endpoint source;
    ip_endpoint destination;

    friend bool operator==(const proxy_ip_pair&, const proxy_ip_pair&) noexcept = default;
};

/// The same for a Unix socket: paths, or abstract names with a NUL in front; at most 108 bytes.
struct proxy_unix_pair {
    std::string source;
    std::string destination;

    friend bool operator==(const proxy_unix_pair&, const proxy_unix_pair&) = default;
};

/// What the client's TLS connection to the proxy was like (section 2.2.6).
struct proxy_tls {
    /// Whether the client used TLS at all.
    bool used = false;
    /// Whether it showed a certificate on this connection, and on this session.
    bool certificate_on_connection = false;
    bool certificate_on_session = false;
    /// Zero if the client's certificate was verified, else a reason.
    std::uint32_t verify = 0;
    /// Empty where the sender does not say.
    std::string version = {};
    std::string common_name = {};
    std::string cipher = {};
    std::string signature_algorithm = {};
    std::string key_algorithm = {};

    friend bool operator==(const proxy_tls&, const proxy_tls&) = default;
};

/// An extension of version 2 by its type and value, for types without a place of their own.
struct proxy_extension {
    std::uint8_t type = 0;
    std::string value = {};

    friend bool operator==(const proxy_extension&, const proxy_extension&) = default;
};

/// A PROXY header. Texts in it are bytes of the sender, with any content: escape them before they
/// get to a terminal or a log.
struct proxy_header {
    /// Most bytes of `unique_id` (section 2.2.5).
    static constexpr std::size_t longest_unique_id = 128;
    /// Most bytes of a Unix address.
    static constexpr std::size_t longest_unix_path = 108;

    /// The proxy speaks for itself, as in a health check: the connection's own endpoints count, and
    /// nothing else is set. Version 2 only.
    bool local = false;
    /// Whether the client used datagrams. Version 2 only.
    bool datagrams = false;
    /// Nothing where the sender does not know (UNKNOWN, UNSPEC) or is `local`: the connection's own
    /// endpoints count.
    std::variant<std::monostate, proxy_ip_pair, proxy_unix_pair> addresses = {};

    /// Version 2 only: the protocol that ALPN agreed on, the host name that the client asked for
    /// (SNI), a name of this connection, the name of the network namespace.
    std::optional<std::string> alpn = {};
    std::optional<std::string> authority = {};
    std::optional<std::string> unique_id = {};
    std::optional<std::string> network_namespace = {};
    std::optional<proxy_tls> tls = {};
    /// In the order of the header.
    std::vector<proxy_extension> extensions = {};

    friend bool operator==(const proxy_header&, const proxy_header&) = default;
};

/// What a receiver takes.
struct proxy_protocol_limits {
    bool version1 = true;
    bool version2 = true;
    /// Most bytes of a header of version 2; the protocol allows up to 65551.
    std::size_t longest = 4096;
};

/// A header, and how many bytes it takes; what follows belongs to the connection.
struct parsed_proxy_header {
    proxy_header header;
    std::size_t size = 0;
    unsigned version = 0;
};

/// Reads the header at the front of what was received so far: nothing while it is incomplete, so
/// that the caller receives more and tries again with all of it.
///
/// Gives `errc::protocol_error` as soon as the bytes cannot become a correct header, with the
/// reason in its text, and `errc::limit_exceeded` for one that is longer than `limits` allow; close
/// the connection then. It never takes a byte behind the header to decide. What a header of an
/// unknown connection or a `local` one holds besides is skipped.
[[nodiscard]] result<std::optional<parsed_proxy_header>>
parse_proxy_header(std::span<const std::byte> received, const proxy_protocol_limits& limits = {});

/// Writes a header of version 1. It has room only for two endpoints of TCP: others become UNKNOWN.
/// Endpoints of different families are both written as IPv6.
[[nodiscard]] std::string encode_proxy_v1(const proxy_header& header);

/// Writes a header of version 2, with a checksum (CRC32c) if wanted. Gives `errc::invalid_argument`
/// for a Unix path, a unique id or an extension that is too long, and when all of it is.
[[nodiscard]] result<std::vector<std::byte>> encode_proxy_v2(const proxy_header& header,
                                                             bool with_checksum = false);

} // namespace runnel::inline v0
