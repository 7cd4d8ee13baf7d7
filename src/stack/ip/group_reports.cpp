// SPDX-License-Identifier: Apache-2.0
#include "group_reports.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

constexpr time_point at_once = time_point::min();

} // namespace

duration group_reports::some_of(duration most) {
    return duration(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
}

bool group_reports::join(const ip_address& group) {
    auto known = std::ranges::find(groups_, group, &membership::group);
    if (known == groups_.end()) {
        if (groups_.size() >= max_groups) {
            return false;
        }
        known = groups_.insert(groups_.end(), {.group = group});
    }
    if (known->users++ == 0) {
        known->changes_left = robustness;
        known->change_at = at_once;
        deadline_ = at_once;
    }
    return true;
}

void group_reports::leave(const ip_address& group) {
    const auto known = std::ranges::find(groups_, group, &membership::group);
    if (known == groups_.end() || known->users == 0) {
        return;
    }
    --known->users;
    if (known->users != 0) {
        return;
    }
    known->answer_at = never;
    known->changes_left = robustness;
    known->change_at = at_once;
    deadline_ = at_once;
}

bool group_reports::contains(const ip_address& group) const noexcept {
    const auto known = std::ranges::find(groups_, group, &membership::group);
    return known != groups_.end() && known->users != 0;
}

group_reports::version group_reports::speaks(time_point now) const noexcept {
    return now < v1_until_ ? version::igmp_v1 : now < v2_until_ ? version::mld_v1 : version::mld_v2;
}

void group_reports::asked(version by, const ip_address& group, duration within, time_point now) {
    const version before = speaks(now);
    if (by == version::igmp_v1) {
        v1_until_ = now + old_router_counts;
    } else if (by == version::mld_v1) {
        v2_until_ = now + old_router_counts;
    }
    if (speaks(now) != before) { // RFC 3376 7.2.1: what waited is not said any more
        all_at_ = never;
        std::erase_if(groups_, [](const membership& one) { return one.users == 0; });
        for (membership& one : groups_) {
            one.answer_at = one.change_at = never;
        }
    }
    if (group.is_unspecified() && speaks(now) == version::mld_v2) {
        all_at_ = std::min(all_at_, now + some_of(within));
        find_deadline();
        return;
    }
    // Old routers get a report of each group at a moment of its own. A question about certain
    // sources is answered like one about the group, of which every source is wanted.
    for (membership& one : groups_) {
        if (one.users != 0 && (group.is_unspecified() || one.group == group)) {
            one.answer_at = std::min(one.answer_at, now + some_of(within));
        }
    }
    find_deadline();
}

void group_reports::find_deadline() noexcept {
    deadline_ = all_at_;
    for (const membership& one : groups_) {
        deadline_ = std::min({deadline_, one.change_at, one.answer_at});
    }
}

std::vector<group_reports::record> group_reports::on_timer(time_point now) {
    std::vector<record> out;
    const bool records = speaks(now) == version::mld_v2;
    const bool all = all_at_ <= now;
    all_at_ = all ? never : all_at_;
    for (membership& one : groups_) {
        if (one.change_at <= now) {
            out.push_back({one.users != 0 ? record::kind::joined : record::kind::left, one.group});
            // Old routers hear once that a group was left.
            one.changes_left = one.users == 0 && !records ? 0 : one.changes_left - 1;
            one.change_at = one.changes_left != 0 ? now + some_of(repeat_within) : never;
            one.answer_at = never; // this said it, too
        } else if (one.users != 0 && (all || one.answer_at <= now)) {
            out.push_back({record::kind::member, one.group});
            one.answer_at = never;
        }
    }
    std::erase_if(groups_,
                  [](const membership& one) { return one.users == 0 && one.changes_left == 0; });
    find_deadline();
    return out;
}

} // namespace runnel::inline v0::stack
