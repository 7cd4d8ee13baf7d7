// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_stub.hpp"

#include "local_names.hpp"

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0 {
namespace {

/// Whether the text of `name` ends in a dot that is no part of its last label.
bool is_absolute(std::string_view text, const dns_name& name) {
    if (name.is_root() || !text.ends_with('.')) {
        return name.is_root();
    }
    text.remove_suffix(1);
    const auto without = dns_name::parse(text);
    return without && *without == name;
}

} // namespace

dns_stub::dns_stub(dns_options options, hosts_table hosts, const siphash_key& secret)
    : conf_(options.conf), hosts_(std::move(hosts)), client_(std::move(options), secret) {}

dns_query_id dns_stub::query(std::string_view text, dns_type type, time_point now) {
    const auto id = static_cast<dns_query_id>(++last_id_);
    if (text.size() > longest_text) {
        resolve(id, fail(error(make_error_code(dns_errc::malformed_name),
                               fmt::format("{} bytes", text.size()))));
        return id;
    }
    if (auto local = answer_locally(text, type, hosts_)) {
        resolve(id, std::move(*local));
        return id;
    }
    const auto name = dns_name::parse(text);
    if (!name) {
        resolve(id, fail(error(make_error_code(dns_errc::malformed_name),
                               std::string(name.error().text()))));
        return id;
    }
    if (type == dns_type::aaaa && conf_.no_aaaa) {
        resolve(id, fail(error(make_error_code(dns_errc::no_data),
                               fmt::format("{} AAAA", name->to_string()))));
        return id;
    }
    look_up_next({.id = id, .question = {*name, type}, .absolute = is_absolute(text, *name)}, now);
    collect(now);
    return id;
}

/// The name to try when all before it do not exist; nothing behind the last.
std::optional<dns_name> dns_stub::next_candidate(pending& query) const {
    const std::size_t domains = query.absolute ? 0 : conf_.search.size();
    const dns_name& name = query.question.name;
    const bool first_as_it_is = name.label_count() > conf_.ndots; // one label more than dots
    while (query.next <= domains) {
        const std::size_t index = query.next++;
        if (index == (first_as_it_is ? 0 : domains)) {
            return name;
        }
        // What gets too long cannot exist.
        if (const auto below = name.below(conf_.search[index - (first_as_it_is ? 1 : 0)])) {
            return *below;
        }
    }
    return std::nullopt;
}

void dns_stub::look_up_next(pending query, time_point now) {
    const auto name = next_candidate(query);
    if (!name) {
        resolve(query.id, fail(error(make_error_code(dns_errc::no_such_name),
                                     fmt::format("{} {}", query.question.name.to_string(),
                                                 to_string(query.question.type)))));
        return;
    }
    const dns_lookup_id lookup = client_.start({*name, query.question.type}, now);
    lookups_.insert_or_assign(query.id, lookup);
    pending_.emplace(lookup, query);
}

/// Takes what the client wants done. Finished lookups go on to their next candidate, if any.
void dns_stub::collect(time_point now) {
    while (auto next = client_.next_action()) {
        if (auto* send = std::get_if<dns_send>(&*next)) {
            actions_.emplace_back(std::move(*send));
            continue;
        }
        if (const auto* close = std::get_if<dns_close>(&*next)) {
            actions_.emplace_back(*close);
            continue;
        }
        auto& done = std::get<dns_looked_up>(*next);
        auto found = pending_.extract(done.lookup);
        if (found.empty()) {
            continue;
        }
        pending& query = found.mapped();
        if (!done.answer && done.answer.error().code() == dns_errc::no_such_name) {
            look_up_next(query, now);
        } else {
            resolve(query.id, std::move(done.answer));
        }
    }
}

void dns_stub::resolve(dns_query_id query, result<dns_answer> answer) {
    lookups_.erase(query);
    actions_.emplace_back(dns_resolved{query, std::move(answer)});
}

void dns_stub::cancel(dns_query_id query) {
    const auto lookup = lookups_.find(query);
    if (lookup == lookups_.end()) {
        return;
    }
    client_.cancel(lookup->second);
    pending_.erase(lookup->second);
    lookups_.erase(lookup);
    // No lookup goes on because another one was cancelled, so the time is of no interest.
    collect(time_point());
}

void dns_stub::received(dns_exchange_id exchange, std::span<const std::byte> message,
                        time_point now) {
    client_.received(exchange, message, now);
    collect(now);
}

void dns_stub::failed(dns_exchange_id exchange, const error& reason, time_point now) {
    client_.failed(exchange, reason, now);
    collect(now);
}

void dns_stub::advance(time_point now) {
    client_.advance(now);
    collect(now);
}

std::optional<dns_stub::action> dns_stub::next_action() {
    if (actions_.empty()) {
        return std::nullopt;
    }
    action next = std::move(actions_.front());
    actions_.pop_front();
    return next;
}

} // namespace runnel::inline v0
