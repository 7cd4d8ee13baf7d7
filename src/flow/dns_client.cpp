// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_client.hpp"

#include "dns_verdict.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/flow/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace runnel::inline v0 {
namespace {

/// How long a server that gave trouble is asked after the others.
constexpr duration avoidance = std::chrono::seconds(30);

/// Most queries that aliases lead to within one lookup.
constexpr unsigned most_alias_queries = 8;

std::string show(const dns_question& question) {
    return fmt::format("{} {}", question.name.to_string(), to_string(question.type));
}

/// Codes with which a server that does not know EDNS turns a query down (RFC 6891, section 7).
constexpr bool may_mean_no_edns(dns_rcode code) noexcept {
    return code == dns_rcode::format_error || code == dns_rcode::not_implemented ||
           code == dns_rcode::bad_version;
}

} // namespace

dns_client::dns_client(dns_options options, const siphash_key& secret)
    : options_(std::move(options)), secret_(secret), cache_(options_.cache_bytes),
      servers_(options_.conf.servers.size()) {}

std::uint64_t dns_client::rng() noexcept {
    std::array<std::byte, 8> number{};
    store_be64(number.data(), ++drawn_);
    return siphash(secret_, number);
}

dns_lookup_id dns_client::start(const dns_question& question, time_point now) {
    const auto id = static_cast<dns_lookup_id>(++last_id_);
    if (const dns_cache::outcome* known = cache_.find(question, now)) {
        actions_.emplace_back(dns_looked_up{
            id, known->absent ? result<dns_answer>(
                                    fail(error(make_error_code(*known->absent), show(question))))
                              : known->answer});
        return id;
    }
    if (callers_.size() >= options_.most_lookups) {
        actions_.emplace_back(dns_looked_up{
            id, fail(error(make_error_code(dns_errc::too_many_lookups), show(question)))});
        return id;
    }
    const auto [same, is_new] = by_question_.try_emplace(question, last_id_);
    lookup_state& lookup = lookups_[same->second];
    lookup.callers.push_back(id);
    callers_.emplace(id, same->second);
    if (is_new) {
        lookup.serial = same->second;
        lookup.question = question;
        lookup.name = question.name;
        begin_round(lookup, now);
    }
    return id;
}

void dns_client::cancel(dns_lookup_id id) {
    const auto caller = callers_.find(id);
    if (caller == callers_.end()) {
        return;
    }
    lookup_state& lookup = lookups_.at(caller->second);
    callers_.erase(caller);
    std::erase(lookup.callers, id);
    if (lookup.callers.empty()) {
        finish(lookup, fail(errc::cancelled));
    }
}

/// Asks for `lookup.name`, all servers afresh: those without recent trouble first.
void dns_client::begin_round(lookup_state& lookup, time_point now) {
    const std::size_t count = servers_.size();
    const std::size_t first = options_.conf.rotate && count > 0 ? rotation_++ % count : 0;
    lookup.order.clear();
    for (const bool avoided : {false, true}) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t server = (first + i) % count;
            if ((servers_[server].avoid_until > now) == avoided) {
                lookup.order.push_back(server);
            }
        }
    }
    lookup.tries = 0;
    try_next(lookup, now);
}

void dns_client::try_next(lookup_state& lookup, time_point now) {
    if (lookup.tries == lookup.order.size() * options_.conf.attempts) {
        give_up(lookup);
        return;
    }
    const std::size_t server = lookup.order[lookup.tries++ % lookup.order.size()];
    open_exchange(lookup, server, options_.conf.use_tcp, now);
}

void dns_client::open_exchange(lookup_state& lookup, std::size_t server, bool over_tcp,
                               time_point now) {
    const auto id = static_cast<dns_exchange_id>(++last_id_);
    exchange_state& exchange = exchanges_[id];
    exchange.lookup = lookup.serial;
    exchange.server = server;
    exchange.over_tcp = over_tcp;
    exchange.query.id = static_cast<std::uint16_t>(rng());
    exchange.query.question = {lookup.name, lookup.question.type};
    if (options_.randomise_case) {
        exchange.query.question.name = lookup.name.with_case(rng());
    }
    exchange.query.udp_size = servers_[server].knows_edns ? options_.udp_size : 0;
    lookup.exchanges.push_back(id);
    set_deadline(lookup, saturating_add(now, options_.conf.timeout));
    actions_.emplace_back(dns_send{id, server, over_tcp, encode(exchange.query)});
}

void dns_client::close_exchange(lookup_state& lookup, dns_exchange_id exchange) {
    std::erase(lookup.exchanges, exchange);
    exchanges_.erase(exchange);
    actions_.emplace_back(dns_close{exchange});
}

void dns_client::close_exchanges(lookup_state& lookup) {
    while (!lookup.exchanges.empty()) {
        close_exchange(lookup, lookup.exchanges.back());
    }
    set_deadline(lookup, never);
}

void dns_client::set_deadline(lookup_state& lookup, time_point deadline) {
    deadlines_.erase({lookup.deadline, lookup.serial});
    lookup.deadline = deadline;
    if (deadline != never) {
        deadlines_.emplace(deadline, lookup.serial);
    }
}

void dns_client::note_trouble(lookup_state& lookup, std::size_t server, trouble what,
                              std::string_view reason, time_point now) {
    if (what != trouble::refusal) { // which may be about this one name
        servers_[server].avoid_until = saturating_add(now, avoidance);
    }
    lookup.worst = std::max(lookup.worst, what);
    lookup.reasons += fmt::format("{}{}: {}", lookup.reasons.empty() ? "" : "; ",
                                  options_.conf.servers[server].address.to_string(), reason);
}

/// Goes on to the next server, unless the lookup waits for another one already.
void dns_client::exchange_failed(dns_exchange_id id, trouble what, std::string_view reason,
                                 time_point now) {
    const exchange_state& exchange = exchanges_.at(id);
    lookup_state& lookup = lookups_.at(exchange.lookup);
    const bool waited_for = lookup.exchanges.back() == id;
    note_trouble(lookup, exchange.server, what, reason, now);
    close_exchange(lookup, id);
    if (waited_for) {
        try_next(lookup, now);
    }
}

void dns_client::failed(dns_exchange_id id, const error& reason, time_point now) {
    if (exchanges_.contains(id)) {
        exchange_failed(id, trouble::unreachable, reason.message(), now);
    }
}

void dns_client::advance(time_point now) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        lookup_state& lookup = lookups_.at(deadlines_.begin()->second);
        const std::size_t server = exchanges_.at(lookup.exchanges.back()).server;
        note_trouble(lookup, server, trouble::silent,
                     "no answer within " + format_duration(options_.conf.timeout), now);
        // The exchange stays open for a late answer.
        try_next(lookup, now);
    }
}

void dns_client::received(dns_exchange_id id, std::span<const std::byte> message, time_point now) {
    const auto at = exchanges_.find(id);
    if (at == exchanges_.end()) {
        return;
    }
    const exchange_state& exchange = at->second;
    const auto response = parse_dns_response(message);
    if (response && response->answers_to(exchange.query, options_.randomise_case)) {
        take_response(id, *response, now);
    } else if (exchange.over_tcp) {
        // Nobody but the server can write here, and it has no second answer.
        exchange_failed(id, trouble::refusal, "malformed answer", now);
    }
    // Over UDP it may be forged: the real answer may still come.
}

void dns_client::take_response(dns_exchange_id id, const dns_response& response, time_point now) {
    const exchange_state exchange = exchanges_.at(id);
    lookup_state& lookup = lookups_.at(exchange.lookup);
    server_state& server = servers_[exchange.server];
    if (exchange.query.udp_size != 0 && may_mean_no_edns(response.rcode)) {
        server.knows_edns = false;
        close_exchange(lookup, id);
        open_exchange(lookup, exchange.server, exchange.over_tcp, now);
    } else if (response.rcode != dns_rcode::no_error && response.rcode != dns_rcode::no_such_name) {
        exchange_failed(id, trouble::refusal, to_string(response.rcode), now);
    } else if (response.truncated && exchange.over_tcp) {
        exchange_failed(id, trouble::refusal, "truncated answer over TCP", now);
    } else if (response.truncated) {
        close_exchange(lookup, id);
        open_exchange(lookup, exchange.server, true, now);
    } else {
        dns_verdict verdict = judge(response, {lookup.name, lookup.question.type});
        if (verdict.what == dns_verdict::kind::referral) {
            exchange_failed(id, trouble::refusal, "does not look names up", now);
            return;
        }
        server.avoid_until = time_point::min();
        close_exchanges(lookup);
        take_verdict(lookup, std::move(verdict), now);
    }
}

void dns_client::take_verdict(lookup_state& lookup, dns_verdict verdict, time_point now) {
    using enum dns_verdict::kind;
    lookup.kept = std::min<duration>(lookup.kept, std::chrono::seconds(verdict.ttl.value_or(0)));
    if (verdict.what == alias) {
        follow_alias(lookup, verdict.name, now);
        return;
    }
    if (verdict.what == too_many_aliases) {
        finish(lookup,
               fail(error(make_error_code(dns_errc::too_many_aliases), show(lookup.question))));
        return;
    }
    dns_cache::outcome outcome;
    const bool absent = verdict.what != found;
    if (absent) {
        outcome.absent = verdict.what == no_such_name ? dns_errc::no_such_name : dns_errc::no_data;
    }
    const duration most = absent ? options_.longest_absent : options_.longest_kept;
    outcome.answer = {verdict.name, lookup.question.type, std::move(verdict.data),
                      saturating_add(now, std::min(lookup.kept, most))};
    const result<dns_answer> answer =
        absent ? result<dns_answer>(
                     fail(error(make_error_code(*outcome.absent), show(lookup.question))))
               : outcome.answer;
    cache_.store(lookup.question, std::move(outcome), now);
    finish(lookup, answer);
}

/// Goes on with the name that an alias leads to and that the response did not cover.
void dns_client::follow_alias(lookup_state& lookup, const dns_name& target, time_point now) {
    if (++lookup.aliases > most_alias_queries) {
        finish(lookup,
               fail(error(make_error_code(dns_errc::too_many_aliases), show(lookup.question))));
        return;
    }
    lookup.name = target;
    begin_round(lookup, now);
}

void dns_client::give_up(lookup_state& lookup) {
    const dns_errc code = lookup.worst == trouble::refusal  ? dns_errc::server_failure
                          : lookup.worst == trouble::silent ? dns_errc::no_answer
                                                            : dns_errc::no_server;
    std::string text = show(lookup.question);
    if (!lookup.reasons.empty()) {
        text += " (" + lookup.reasons + ")";
    }
    finish(lookup, fail(error(make_error_code(code), std::move(text))));
}

/// Tells all callers, and forgets the lookup.
void dns_client::finish(lookup_state& lookup, const result<dns_answer>& answer) {
    close_exchanges(lookup);
    for (const dns_lookup_id caller : lookup.callers) {
        actions_.emplace_back(dns_looked_up{caller, answer});
        callers_.erase(caller);
    }
    by_question_.erase(lookup.question);
    lookups_.erase(lookup.serial);
}

time_point dns_client::next_wakeup() const noexcept {
    return deadlines_.empty() ? never : deadlines_.begin()->first;
}

std::optional<dns_client::action> dns_client::next_action() {
    if (actions_.empty()) {
        return std::nullopt;
    }
    action next = std::move(actions_.front());
    actions_.pop_front();
    return next;
}

} // namespace runnel::inline v0
