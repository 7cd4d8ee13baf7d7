// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"
#include "runnel/flow/dns_message.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::dns_test {

/// Writes the parts of a message, right or wrong, as a test wants them.
class writer {
public:
    writer& u8(unsigned value) {
        out_.push_back(static_cast<std::byte>(value));
        return *this;
    }
    writer& u16(unsigned value) { return u8(value >> 8U).u8(value); }
    writer& u32(std::uint32_t value) { return u16(value >> 16U).u16(value); }
    writer& bytes(std::span<const std::byte> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    writer& text(std::string_view text) { return bytes(std::as_bytes(std::span(text))); }
    writer& name(std::string_view text) { return bytes(dns_name::parse(text)->wire()); }
    writer& pointer(std::size_t offset) { return u16(0xC000U | static_cast<unsigned>(offset)); }
    writer& label(std::string_view text) {
        return u8(static_cast<unsigned>(text.size())).text(text);
    }
    writer& header(unsigned id, unsigned flags, unsigned questions, unsigned answers,
                   unsigned authorities = 0, unsigned additionals = 0) {
        return u16(id).u16(flags).u16(questions).u16(answers).u16(authorities).u16(additionals);
    }
    /// The part of a record in front of its data, behind its name.
    writer& record(dns_type type, std::uint32_t ttl, unsigned size) {
        return u16(static_cast<unsigned>(type)).u16(1).u32(ttl).u16(size);
    }

    [[nodiscard]] std::size_t size() const { return out_.size(); }
    [[nodiscard]] const std::vector<std::byte>& done() const { return out_; }

private:
    std::vector<std::byte> out_;
};

/// Puts the response to a query together, record by record, without compression.
class responder {
public:
    explicit responder(std::span<const std::byte> query) {
        id_ = load_be16(query, 0);
        const auto name = dns_name::read(query, 12, query.size());
        question_.assign(query.begin() + 12,
                         query.begin() + static_cast<std::ptrdiff_t>(name->next + 4));
    }

    responder& rcode(dns_rcode code) {
        flags_ |= static_cast<unsigned>(code);
        return *this;
    }
    responder& truncated() {
        flags_ |= 0x0200;
        return *this;
    }
    responder& id(unsigned other) {
        id_ = other;
        return *this;
    }
    responder& no_recursion() {
        flags_ &= ~0x0080U;
        return *this;
    }
    responder& without_question() {
        question_.clear();
        return *this;
    }
    responder& a(std::string_view owner, ipv4_address address, std::uint32_t ttl = 300) {
        return answer(owner, dns_type::a, ttl, address.bytes());
    }
    responder& aaaa(std::string_view owner, const ipv6_address& address, std::uint32_t ttl = 300) {
        return answer(owner, dns_type::aaaa, ttl, address.bytes());
    }
    responder& cname(std::string_view owner, std::string_view target, std::uint32_t ttl = 300) {
        return answer(owner, dns_type::cname, ttl, dns_name::parse(target)->wire());
    }
    responder& soa(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum) {
        ++authorities_;
        authority_.name(zone).record(dns_type::soa, ttl, 22).u16(0);
        authority_.u32(1).u32(2).u32(3).u32(4).u32(minimum);
        return *this;
    }

    [[nodiscard]] std::vector<std::byte> done() const {
        writer out;
        out.header(id_, flags_, question_.empty() ? 0 : 1, answers_, authorities_);
        out.bytes(question_).bytes(answer_.done()).bytes(authority_.done());
        return out.done();
    }

private:
    responder& answer(std::string_view owner, dns_type type, std::uint32_t ttl,
                      std::span<const std::byte> data) {
        ++answers_;
        answer_.name(owner).record(type, ttl, static_cast<unsigned>(data.size())).bytes(data);
        return *this;
    }

    unsigned id_ = 0;
    unsigned flags_ = 0x8180; // a response, recursion desired and available
    std::vector<std::byte> question_;
    unsigned answers_ = 0;
    unsigned authorities_ = 0;
    writer answer_;
    writer authority_;
};

} // namespace runnel::inline v0::dns_test
