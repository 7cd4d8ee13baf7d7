// SPDX-License-Identifier: Apache-2.0
#include "dns_verdict.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// Longer chains are a fault or an attack; resolvers in use give up between 8 and 17.
constexpr int most_aliases = 16;

constexpr std::uint32_t longest_ttl = 0x7FFF'FFFF;

/// The records of one name and type.
std::vector<dns_data> records_of(const dns_response& response, const dns_question& question,
                                 std::uint32_t& ttl) {
    std::vector<dns_data> data;
    for (const dns_record& record : response.answers) {
        if (record.type == question.type && record.name == question.name) {
            data.push_back(record.data);
            ttl = std::min(ttl, record.ttl);
        }
    }
    return data;
}

/// How long the absence of `name` may be kept, by the SOA record of a zone that it is in.
std::optional<std::uint32_t> negative_ttl(const dns_response& response, const dns_name& name,
                                          std::uint32_t ttl) {
    for (const dns_record& record : response.authorities) {
        const auto* soa = std::get_if<dns_soa>(&record.data);
        if (soa != nullptr && name.is_within(record.name)) {
            return std::min({ttl, record.ttl, soa->minimum});
        }
    }
    return std::nullopt;
}

} // namespace

dns_verdict judge(const dns_response& response, const dns_question& question) {
    using enum dns_verdict::kind;
    dns_question current = question;
    std::uint32_t ttl = longest_ttl;
    for (int aliases = 0; aliases <= most_aliases; ++aliases) {
        std::vector<dns_data> data = records_of(response, current, ttl);
        if (!data.empty()) {
            return {found, current.name, std::move(data), ttl};
        }
        const auto targets = records_of(response, {current.name, dns_type::cname}, ttl);
        if (!targets.empty()) {
            current.name = std::get<dns_name>(targets.front());
            continue;
        }
        const auto vouched = negative_ttl(response, current.name, ttl);
        if (response.rcode == dns_rcode::no_such_name) {
            return {no_such_name, current.name, {}, vouched};
        }
        if (!vouched && aliases > 0) {
            return {alias, current.name, {}, ttl};
        }
        const bool is_referral =
            !vouched && !response.authoritative && !response.recursion_available;
        return {is_referral ? referral : no_data, current.name, {}, vouched};
    }
    return {too_many_aliases, current.name, {}, std::nullopt};
}

} // namespace runnel::inline v0
