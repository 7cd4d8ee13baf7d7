// SPDX-License-Identifier: Apache-2.0
#include "local_names.hpp"

#include <fmt/format.h>

#include <span>

namespace runnel::inline v0 {
namespace {

std::unexpected<error> absent(dns_errc code, std::string_view name, dns_type type) {
    return fail(error(make_error_code(code), fmt::format("{} {}", name, to_string(type))));
}

/// Those of `addresses` that a question of `type` is about.
result<dns_answer> pick(std::span<const ip_address> addresses, std::string_view text,
                        dns_type type) {
    dns_answer answer{.type = type};
    if (const auto name = dns_name::parse(text)) {
        answer.name = *name;
    }
    for (const ip_address& address : addresses) {
        if (address.is_v4() && type == dns_type::a) {
            answer.data.emplace_back(address.v4());
        } else if (address.is_v6() && type == dns_type::aaaa) {
            answer.data.emplace_back(address.v6());
        }
    }
    if (answer.data.empty()) {
        return absent(dns_errc::no_data, text, type);
    }
    return answer;
}

bool is_within(const dns_name& name, std::string_view ancestor) {
    return name.is_within(*dns_name::parse(ancestor));
}

} // namespace

std::optional<result<dns_answer>> answer_locally(std::string_view text, dns_type type,
                                                 const hosts_table& hosts) {
    if (type != dns_type::a && type != dns_type::aaaa) {
        return std::nullopt;
    }
    if (const auto address = ip_address::parse(text)) {
        return pick(std::span(&*address, 1), text, type);
    }
    const auto name = dns_name::parse(text);
    if (!name) {
        return std::nullopt;
    }
    if (is_within(*name, "localhost")) {
        const ip_address loopback[] = {ipv4_address::loopback(), ipv6_address::loopback()};
        return pick(loopback, text, type);
    }
    if (is_within(*name, "invalid") || is_within(*name, "onion")) {
        return absent(dns_errc::no_such_name, text, type);
    }
    const auto addresses = hosts.find(text);
    if (!addresses.empty()) {
        return pick(addresses, text, type);
    }
    return std::nullopt;
}

} // namespace runnel::inline v0
