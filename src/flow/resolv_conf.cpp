// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/resolv_conf.hpp"

#include "text_lines.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace runnel::inline v0 {
namespace {

constexpr std::uint16_t dns_port = 53;

/// Limits of glibc (RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY).
constexpr unsigned most_dots = 15;
constexpr unsigned most_seconds = 30;
constexpr unsigned most_attempts = 5;

std::optional<dns_server> server_at(std::string_view text) {
    if (const auto plain = ip_address::parse(text)) {
        return dns_server{.address = {*plain, dns_port}};
    }
    if (const auto zoned = ipv6_address::parse_zoned(text)) {
        return dns_server{.address = {zoned->address, dns_port}, .zone = std::string(zoned->zone)};
    }
    return std::nullopt;
}

std::vector<dns_name> domains_in(std::string_view line) {
    std::vector<dns_name> domains;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        const auto domain = dns_name::parse(word);
        // Below the root a name is as it is, which is tried anyway.
        if (domain && !domain->is_root() && domains.size() < resolv_conf::most_search_domains) {
            domains.push_back(*domain);
        }
    }
    return domains;
}

/// The number of `option` if it is `name` followed by digits, brought into its range.
std::optional<unsigned> number_of(std::string_view option, std::string_view name, unsigned least,
                                  unsigned most) noexcept {
    if (!option.starts_with(name)) {
        return std::nullopt;
    }
    option.remove_prefix(name.size());
    unsigned number = 0;
    const auto [end, problem] = std::from_chars(option.begin(), option.end(), number);
    if (problem == std::errc::result_out_of_range) {
        return most;
    }
    return end == option.begin() ? std::nullopt : std::optional(std::clamp(number, least, most));
}

void apply_options(resolv_conf& conf, std::string_view line) {
    for (auto option = take_word(line); !option.empty(); option = take_word(line)) {
        if (const auto ndots = number_of(option, "ndots:", 0, most_dots)) {
            conf.ndots = *ndots;
        } else if (const auto seconds = number_of(option, "timeout:", 1, most_seconds)) {
            conf.timeout = std::chrono::seconds(*seconds);
        } else if (const auto attempts = number_of(option, "attempts:", 1, most_attempts)) {
            conf.attempts = *attempts;
        }
        conf.rotate |= option == "rotate";
        conf.use_tcp |= option == "use-vc";
        conf.no_aaaa |= option == "no-aaaa";
    }
}

} // namespace

resolv_conf resolv_conf::parse(std::string_view text) {
    resolv_conf conf;
    while (!text.empty()) {
        std::string_view line = take_until(text, "\n");
        // A keyword begins in the first column; so does the mark of a comment.
        const std::string_view keyword = take_until(line, " \t");
        if (keyword == "nameserver") {
            std::string_view word = take_word(line);
            const auto server = server_at(take_until(word, ";#"));
            if (server && conf.servers.size() < most_servers) {
                conf.servers.push_back(*server);
            }
        } else if (keyword == "search" || keyword == "domain") {
            conf.search = domains_in(line);
            if (keyword == "domain") {
                conf.search.resize(std::min<std::size_t>(conf.search.size(), 1));
            }
        } else if (keyword == "options") {
            apply_options(conf, line);
        }
    }
    if (conf.servers.empty()) {
        conf.servers.push_back({.address = {ipv4_address::loopback(), dns_port}});
    }
    return conf;
}

} // namespace runnel::inline v0
