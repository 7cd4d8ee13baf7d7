// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/flow/dns_name.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Messages of the DNS as a client sees them: queries are written, responses read (RFC 1035; AAAA:
/// RFC 3596; SRV: RFC 2782; EDNS: RFC 6891).
namespace runnel::inline v0 {

/// Kinds of records. Others may occur in messages; they are skipped.
enum class dns_type : std::uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    ptr = 12,
    txt = 16,
    aaaa = 28,
    srv = 33,
    opt = 41,
};

/// The usual name of a type: "AAAA"; "TYPE65" (RFC 3597) for one without a name here.
[[nodiscard]] std::string to_string(dns_type type);

/// What a server says about a query (RFC 1035, section 4.1.1; RFC 6891, section 9).
enum class dns_rcode : std::uint16_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    no_such_name = 3, // NXDOMAIN
    not_implemented = 4,
    refused = 5,
    bad_version = 16, // of EDNS
};

/// The usual name of a code: "NXDOMAIN"; "RCODE9" for one without a name here.
[[nodiscard]] std::string to_string(dns_rcode code);

struct dns_question {
    dns_name name;
    dns_type type = dns_type::a;

    friend bool operator==(const dns_question&, const dns_question&) noexcept = default;
    friend auto operator<=>(const dns_question&, const dns_question&) noexcept = default;
};

/// A query that asks for recursion.
struct dns_query {
    /// The largest response over UDP that is asked for by default: no fragments on any usual path.
    static constexpr std::uint16_t usual_udp_size = 1232;

    std::uint16_t id = 0;
    dns_question question;
    /// The largest response over UDP, by EDNS; 0 leaves EDNS out, and 512 bytes are the limit.
    std::uint16_t udp_size = usual_udp_size;
};

/// Writes a query. Over TCP, two bytes with its length go in front (RFC 1035, section 4.2.2).
[[nodiscard]] std::vector<std::byte> encode(const dns_query& query);

/// Where a service runs (RFC 2782). A target that is the root means: nowhere.
struct dns_srv {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    dns_name target;

    friend bool operator==(const dns_srv&, const dns_srv&) noexcept = default;
};

/// The strings of a TXT record.
struct dns_txt {
    std::vector<std::string> strings;

    friend bool operator==(const dns_txt&, const dns_txt&) = default;
};

/// The numbers of a zone's SOA record; its names are of no use to a client.
struct dns_soa {
    std::uint32_t serial = 0;
    std::uint32_t minimum = 0; // seconds that a negative answer may be kept (RFC 2308, section 4)

    friend bool operator==(const dns_soa&, const dns_soa&) noexcept = default;
};

/// The content of a record: an address for A and AAAA, a name for NS, CNAME and PTR.
using dns_data = std::variant<ipv4_address, ipv6_address, dns_name, dns_srv, dns_txt, dns_soa>;

struct dns_record {
    dns_name name;
    dns_type type = dns_type::a;
    std::uint32_t ttl = 0; // seconds; 0 also for values from 2^31 on (RFC 2181, section 8)
    dns_data data;

    friend bool operator==(const dns_record&, const dns_record&) = default;
};

/// A response, with the records of class Internet and of a known type, in their order.
struct dns_response {
    /// Most records of a section that are kept; the others are only checked.
    static constexpr std::size_t most_records = 256;

    std::uint16_t id = 0;
    bool authoritative = false;
    /// It did not fit into the datagram. Records of such a response are left out: they may not be
    /// all, and the query is to be sent again over TCP (RFC 2181, section 9).
    bool truncated = false;
    bool recursion_available = false;
    dns_rcode rcode = dns_rcode::no_error;
    /// Missing only in some responses that refuse a query.
    std::optional<dns_question> question;
    std::vector<dns_record> answers;
    std::vector<dns_record> authorities;
    /// Whether the server knows EDNS.
    bool edns = false;

    /// Whether it belongs to the query: same id, and a question of the same type and name. With
    /// `same_case` the name must match in upper and lower case too. A response without a question
    /// belongs to a query of its id when it refuses it.
    [[nodiscard]] bool answers_to(const dns_query& query, bool same_case = false) const noexcept;
};

/// Reads a response. Gives `errc::protocol_error` when it is malformed, or no response to a query:
/// the text says what and where. What may follow the last record is ignored.
[[nodiscard]] result<dns_response> parse_dns_response(std::span<const std::byte> message);

} // namespace runnel::inline v0
