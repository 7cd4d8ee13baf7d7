// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_message.hpp"

#include "runnel/core/byte_order.hpp"

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::uint16_t class_internet = 1;
constexpr std::uint32_t longest_ttl = 0x7FFF'FFFF;

/// Bits of the second 16 bits of the header.
namespace flag {
constexpr unsigned response = 0x8000;
constexpr unsigned opcode = 0x7800;
constexpr unsigned authoritative = 0x0400;
constexpr unsigned truncated = 0x0200;
constexpr unsigned recursion_desired = 0x0100;
constexpr unsigned recursion_available = 0x0080;
constexpr unsigned rcode = 0x000F;
} // namespace flag

void put16(std::vector<std::byte>& out, unsigned value) {
    out.push_back(static_cast<std::byte>(value >> 8U));
    out.push_back(static_cast<std::byte>(value));
}

/// Reads a response from front to back.
class reader {
public:
    explicit reader(std::span<const std::byte> message) : message_(message) {}

    [[nodiscard]] result<dns_response> run();

private:
    /// What stands in front of a record's data.
    struct record_head {
        dns_name name;
        dns_type type = dns_type::a;
        std::uint16_t class_number = 0;
        std::uint32_t ttl = 0;
        std::size_t end = 0; // of the data, which begins at `at_`
    };

    [[nodiscard]] std::unexpected<error> bad(std::string_view what) const {
        return fail(errc::protocol_error, fmt::format("DNS message, byte {}: {}", at_, what));
    }

    [[nodiscard]] std::size_t left() const noexcept { return message_.size() - at_; }
    [[nodiscard]] std::uint16_t take16() noexcept {
        return load_be16(message_, std::exchange(at_, at_ + 2));
    }
    [[nodiscard]] std::uint32_t take32() noexcept {
        return load_be32(message_, std::exchange(at_, at_ + 4));
    }

    [[nodiscard]] result<void> read_question();
    [[nodiscard]] result<void> read_section(std::size_t count, std::vector<dns_record>& kept);
    [[nodiscard]] result<void> read_additionals(std::size_t count);
    [[nodiscard]] result<record_head> read_head();
    [[nodiscard]] result<std::optional<dns_data>> read_data(const record_head& head);
    [[nodiscard]] result<std::optional<dns_data>> read_name(std::size_t end);
    [[nodiscard]] result<std::optional<dns_data>> read_srv(std::size_t end);
    [[nodiscard]] result<std::optional<dns_data>> read_soa(std::size_t end);
    [[nodiscard]] result<std::optional<dns_data>> read_txt(std::size_t end);

    std::span<const std::byte> message_;
    std::size_t at_ = 0;
    dns_response response_;
};

result<dns_response> reader::run() {
    if (message_.size() < header_size) {
        return bad("the header is cut off");
    }
    response_.id = take16();
    const unsigned flags = take16();
    if ((flags & flag::response) == 0 || (flags & flag::opcode) != 0) {
        return bad("no response to a standard query");
    }
    response_.authoritative = (flags & flag::authoritative) != 0;
    response_.truncated = (flags & flag::truncated) != 0;
    response_.recursion_available = (flags & flag::recursion_available) != 0;
    response_.rcode = static_cast<dns_rcode>(flags & flag::rcode);
    const std::size_t questions = take16();
    const std::size_t answers = take16();
    const std::size_t authorities = take16();
    const std::size_t additionals = take16();
    if (questions > 1) {
        return bad("more than one question");
    }
    result<void> step = questions == 1 ? read_question() : result<void>();
    if (step && !response_.truncated) {
        step = read_section(answers, response_.answers);
        if (step) {
            step = read_section(authorities, response_.authorities);
        }
        if (step) {
            step = read_additionals(additionals);
        }
    }
    if (!step) {
        return fail(step.error());
    }
    return std::move(response_);
}

result<void> reader::read_question() {
    const auto read = dns_name::read(message_, at_, message_.size());
    if (!read) {
        return fail(read.error());
    }
    at_ = read->next;
    if (left() < 4) {
        return bad("the question is cut off");
    }
    const auto type = static_cast<dns_type>(take16());
    if (take16() != class_internet) {
        return bad("a question of another class than Internet");
    }
    response_.question = dns_question{read->name, type};
    return {};
}

result<void> reader::read_section(std::size_t count, std::vector<dns_record>& kept) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto head = read_head();
        if (!head) {
            return fail(head.error());
        }
        if (head->class_number == class_internet) {
            auto data = read_data(*head);
            if (!data) {
                return fail(data.error());
            }
            if (*data && kept.size() < dns_response::most_records) {
                const std::uint32_t ttl = head->ttl <= longest_ttl ? head->ttl : 0;
                kept.push_back({head->name, head->type, ttl, std::move(**data)});
            }
        }
        at_ = head->end;
    }
    return {};
}

/// Only the pseudo record of EDNS is of use here (RFC 6891, section 6.1.3).
result<void> reader::read_additionals(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto head = read_head();
        if (!head) {
            return fail(head.error());
        }
        if (head->type == dns_type::opt) {
            if (response_.edns) {
                return bad("more than one OPT record");
            }
            response_.edns = true;
            const unsigned upper = head->ttl >> 24U;
            response_.rcode =
                static_cast<dns_rcode>(upper << 4U | static_cast<unsigned>(response_.rcode));
        }
        at_ = head->end;
    }
    return {};
}

result<reader::record_head> reader::read_head() {
    const auto read = dns_name::read(message_, at_, message_.size());
    if (!read) {
        return fail(read.error());
    }
    at_ = read->next;
    if (left() < 10) {
        return bad("a record is cut off");
    }
    record_head head;
    head.name = read->name;
    head.type = static_cast<dns_type>(take16());
    head.class_number = take16();
    head.ttl = take32();
    const std::size_t size = take16();
    if (left() < size) {
        return bad("the data of a record is cut off");
    }
    head.end = at_ + size;
    return head;
}

/// Nothing for a type that is not known.
result<std::optional<dns_data>> reader::read_data(const record_head& head) {
    switch (head.type) {
    case dns_type::a:
        if (head.end - at_ != ipv4_address::byte_count) {
            return bad("an A record is not 4 bytes");
        }
        return ipv4_address(message_.subspan(at_).first<ipv4_address::byte_count>());
    case dns_type::aaaa:
        if (head.end - at_ != ipv6_address::byte_count) {
            return bad("an AAAA record is not 16 bytes");
        }
        return ipv6_address(message_.subspan(at_).first<ipv6_address::byte_count>());
    case dns_type::ns:
    case dns_type::cname:
    case dns_type::ptr:
        return read_name(head.end);
    case dns_type::srv:
        return read_srv(head.end);
    case dns_type::soa:
        return read_soa(head.end);
    case dns_type::txt:
        return read_txt(head.end);
    case dns_type::opt:
        break;
    }
    return std::nullopt;
}

result<std::optional<dns_data>> reader::read_name(std::size_t end) {
    const auto read = dns_name::read(message_, at_, end);
    if (!read) {
        return fail(read.error());
    }
    if (read->next != end) {
        return bad("a record's data goes on behind its name");
    }
    return read->name;
}

result<std::optional<dns_data>> reader::read_srv(std::size_t end) {
    if (end - at_ < 6) {
        return bad("an SRV record is cut off");
    }
    dns_srv srv;
    srv.priority = take16();
    srv.weight = take16();
    srv.port = take16();
    auto target = read_name(end);
    if (!target) {
        return target;
    }
    srv.target = std::get<dns_name>(**target);
    return srv;
}

result<std::optional<dns_data>> reader::read_soa(std::size_t end) {
    for (int names = 0; names < 2; ++names) {
        const auto read = dns_name::read(message_, at_, end);
        if (!read) {
            return fail(read.error());
        }
        at_ = read->next;
    }
    if (end - at_ != 20) {
        return bad("the numbers of an SOA record are not 20 bytes");
    }
    dns_soa soa;
    soa.serial = take32();
    at_ += 12; // times that only secondary servers need
    soa.minimum = take32();
    return soa;
}

result<std::optional<dns_data>> reader::read_txt(std::size_t end) {
    dns_txt txt;
    while (at_ < end) {
        const auto size = std::to_integer<std::size_t>(message_[at_]);
        if (end - at_ <= size) {
            return bad("a string of a TXT record is cut off");
        }
        const auto bytes = message_.subspan(at_ + 1, size);
        txt.strings.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        at_ += 1 + size;
    }
    return txt;
}

} // namespace

std::string to_string(dns_type type) {
    switch (type) {
    case dns_type::a:
        return "A";
    case dns_type::ns:
        return "NS";
    case dns_type::cname:
        return "CNAME";
    case dns_type::soa:
        return "SOA";
    case dns_type::ptr:
        return "PTR";
    case dns_type::txt:
        return "TXT";
    case dns_type::aaaa:
        return "AAAA";
    case dns_type::srv:
        return "SRV";
    case dns_type::opt:
        return "OPT";
    }
    return fmt::format("TYPE{}", static_cast<unsigned>(type));
}

std::string to_string(dns_rcode code) {
    switch (code) {
    case dns_rcode::no_error:
        return "NOERROR";
    case dns_rcode::format_error:
        return "FORMERR";
    case dns_rcode::server_failure:
        return "SERVFAIL";
    case dns_rcode::no_such_name:
        return "NXDOMAIN";
    case dns_rcode::not_implemented:
        return "NOTIMP";
    case dns_rcode::refused:
        return "REFUSED";
    case dns_rcode::bad_version:
        return "BADVERS";
    }
    return fmt::format("RCODE{}", static_cast<unsigned>(code));
}

std::vector<std::byte> encode(const dns_query& query) {
    const std::span<const std::byte> name = query.question.name.wire();
    std::vector<std::byte> out;
    out.reserve(header_size + name.size() + 4 + 11);
    put16(out, query.id);
    put16(out, flag::recursion_desired);
    put16(out, 1); // questions
    put16(out, 0);
    put16(out, 0);
    put16(out, query.udp_size != 0 ? 1 : 0); // additional records
    out.insert(out.end(), name.begin(), name.end());
    put16(out, static_cast<unsigned>(query.question.type));
    put16(out, class_internet);
    if (query.udp_size != 0) {
        out.push_back(std::byte{0}); // the root
        put16(out, static_cast<unsigned>(dns_type::opt));
        put16(out, query.udp_size);
        put16(out, 0); // extended code, version 0
        put16(out, 0); // flags
        put16(out, 0); // no options
    }
    return out;
}

bool dns_response::answers_to(const dns_query& query, bool same_case) const noexcept {
    if (id != query.id) {
        return false;
    }
    if (!question) {
        return rcode != dns_rcode::no_error && rcode != dns_rcode::no_such_name;
    }
    return *question == query.question &&
           (!same_case || question->name.is_identical(query.question.name));
}

result<dns_response> parse_dns_response(std::span<const std::byte> message) {
    return reader(message).run();
}

} // namespace runnel::inline v0
