// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/happy_eyeballs.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0 {
namespace {

bool same_family(const ip_endpoint& a, const ip_endpoint& b) noexcept {
    return a.family() == b.family();
}

/// Takes turns between the family of the first endpoint and the other one (RFC 8305, section 4).
std::vector<ip_endpoint> interleave(std::span<const ip_endpoint> sorted, std::size_t first_count) {
    std::vector<ip_endpoint> preferred;
    std::vector<ip_endpoint> other;
    for (const ip_endpoint& each : sorted) {
        (same_family(each, sorted.front()) ? preferred : other).push_back(each);
    }
    std::vector<ip_endpoint> order;
    std::size_t next = 0;
    for (; next < preferred.size() && next < std::max<std::size_t>(first_count, 1); ++next) {
        order.push_back(preferred[next]);
    }
    for (std::size_t i = 0; next < preferred.size() || i < other.size(); ++i) {
        if (i < other.size()) {
            order.push_back(other[i]);
        }
        if (next < preferred.size()) {
            order.push_back(preferred[next++]);
        }
    }
    return order;
}

} // namespace

happy_eyeballs::happy_eyeballs(happy_eyeballs_options options) : options_(options) {
    options_.attempt_delay =
        std::max(options_.attempt_delay, happy_eyeballs_options::shortest_attempt_delay);
}

void happy_eyeballs::resolved(ip_family family, std::span<const destination> found,
                              time_point now) {
    if (over_) {
        return;
    }
    resolved_[static_cast<std::size_t>(family)] = true;
    for (const destination& each : found) {
        add(each);
    }
    if (!found_.empty()) {
        first_found_ = std::min(first_found_, now);
    }
    reorder();
    proceed(now);
}

void happy_eyeballs::add(const destination& found) {
    const auto of_family = std::ranges::count(
        found_, found.endpoint.family(), [](const auto& each) { return each.endpoint.family(); });
    const bool is_known =
        std::ranges::find(found_, found.endpoint, &destination::endpoint) != found_.end();
    if (!is_known && static_cast<std::size_t>(of_family) < most_per_family) {
        found_.push_back(found);
    }
}

void happy_eyeballs::reorder() {
    std::vector<destination> sorted = found_;
    sort_destinations(sorted);
    std::vector<ip_endpoint> endpoints;
    endpoints.reserve(sorted.size());
    for (const destination& each : sorted) {
        endpoints.push_back(each.endpoint);
    }
    order_ = interleave(endpoints, options_.first_family_count);
}

void happy_eyeballs::not_resolved(ip_family family, const error& reason, time_point now) {
    if (over_) {
        return;
    }
    resolved_[static_cast<std::size_t>(family)] = true;
    failed_names_.push_back({family == ip_family::v4 ? "IPv4" : "IPv6", reason});
    proceed(now);
}

/// The first of the order that was not tried yet.
const ip_endpoint* happy_eyeballs::next_to_try() const noexcept {
    const auto next = std::ranges::find_if(order_, [&](const ip_endpoint& each) {
        return std::ranges::find(attempts_, each, &attempt::to) == attempts_.end();
    });
    return next == order_.end() ? nullptr : &*next;
}

bool happy_eyeballs::any_pending() const noexcept {
    return std::ranges::any_of(attempts_, &attempt::pending);
}

/// From when on the next attempt may begin, if there is an address to try.
time_point happy_eyeballs::next_start() const noexcept {
    if (attempts_.empty()) {
        return is_resolved(ip_family::v6) ? time_point::min()
                                          : saturating_add(first_found_, options_.resolution_delay);
    }
    return any_pending() ? saturating_add(last_start_, options_.attempt_delay) : time_point::min();
}

void happy_eyeballs::proceed(time_point now) {
    if (over_) {
        return;
    }
    const ip_endpoint* next = next_to_try();
    if (next != nullptr && next_start() <= now) {
        actions_.emplace_back(start_attempt{attempt_id{attempts_.size()}, *next});
        attempts_.push_back({.to = *next});
        last_start_ = now;
    } else if (next == nullptr && is_resolved(ip_family::v4) && is_resolved(ip_family::v6) &&
               !any_pending()) {
        lose();
    }
}

void happy_eyeballs::connected(attempt_id id, time_point /*now*/) {
    const auto index = static_cast<std::size_t>(id);
    if (over_ || index >= attempts_.size() || !attempts_[index].pending) {
        return;
    }
    attempts_[index].pending = false;
    cancel_pending();
    over_ = true;
    actions_.emplace_back(attempts_won{id, attempts_[index].to});
}

void happy_eyeballs::attempt_failed(attempt_id id, const error& reason, time_point now) {
    const auto index = static_cast<std::size_t>(id);
    if (over_ || index >= attempts_.size() || !attempts_[index].pending) {
        return;
    }
    attempts_[index].pending = false;
    failed_attempts_.push_back({attempts_[index].to.to_string(), reason});
    proceed(now);
}

void happy_eyeballs::cancel(const error& reason) {
    if (over_) {
        return;
    }
    cancel_pending();
    over_ = true;
    actions_.emplace_back(attempts_lost{reason});
}

void happy_eyeballs::cancel_pending() {
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
        if (std::exchange(attempts_[i].pending, false)) {
            actions_.emplace_back(cancel_attempt{attempt_id{i}});
        }
    }
}

/// Puts all reasons together, the one that tells most at the end, where a message has its code.
void happy_eyeballs::lose() {
    over_ = true;
    std::vector<failure> all = failed_attempts_;
    all.insert(all.end(), failed_names_.begin(), failed_names_.end());
    if (all.empty()) {
        actions_.emplace_back(attempts_lost{error(errc::not_found, "no addresses")});
        return;
    }
    auto telling = std::ranges::find_if(all, [](const failure& each) {
        return each.reason != errc::unreachable && each.reason != errc::not_found;
    });
    if (telling == all.end()) {
        telling = all.begin();
    }
    std::rotate(telling, telling + 1, all.end());
    std::string others;
    for (const failure& each : std::span(all).first(all.size() - 1)) {
        others += each.where + ": " + each.reason.message() + "; ";
    }
    actions_.emplace_back(attempts_lost{all.back().reason.wrap(others + all.back().where)});
}

void happy_eyeballs::advance(time_point now) {
    proceed(now);
}

time_point happy_eyeballs::next_wakeup() const noexcept {
    return over_ || next_to_try() == nullptr ? never : next_start();
}

std::optional<happy_eyeballs::action> happy_eyeballs::next_action() {
    if (actions_.empty()) {
        return std::nullopt;
    }
    action next = std::move(actions_.front());
    actions_.pop_front();
    return next;
}

} // namespace runnel::inline v0
