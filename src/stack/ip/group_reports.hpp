// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/random.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace runnel::inline v0::stack {

/// The groups of one family that an interface is in, and when routers and switches are told: the
/// host's part of IGMP (RFC 1112, 2236, 3376) and of MLD (RFC 2710, 3810), without their messages.
/// Groups are joined for every source.
class group_reports {
public:
    /// How old the routers of the link are. MLD has no counterpart of IGMPv1.
    enum class version : std::uint8_t {
        igmp_v1, ///< knows only reports
        mld_v1,  ///< and IGMPv2: reports and leaves, one group each
        mld_v2,  ///< and IGMPv3: records
    };
    /// One thing to say. The numbers are those of records (RFC 3376 4.2.12).
    struct record {
        enum class kind : std::uint8_t { member = 2, left = 3, joined = 4 };
        kind what{};
        ip_address group;
        friend bool operator==(const record&, const record&) noexcept = default;
    };

    /// Groups that an interface is in at once.
    static constexpr std::size_t max_groups = 256;
    /// How often a change is told (RFC 3376 8.1), and how long the second time waits at most.
    static constexpr unsigned robustness = 2;
    static constexpr duration repeat_within = std::chrono::seconds(1);
    /// How long it counts that an old router asked (RFC 3376 8.12).
    static constexpr duration old_router_counts = std::chrono::seconds(260);

    explicit group_reports(std::uint64_t seed) noexcept : random_(seed) {}

    /// One more user of a group, of which is told at once. False if there are too many groups.
    bool join(const ip_address& group);
    /// One less. More often than `join` for a group: ignored.
    void leave(const ip_address& group);
    [[nodiscard]] bool contains(const ip_address& group) const noexcept;

    /// A router asked about a group, or all of them (an unspecified address), for answers within a
    /// time.
    void asked(version by, const ip_address& group, duration within, time_point now);

    [[nodiscard]] version speaks(time_point now) const noexcept;
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// What is to be said now.
    [[nodiscard]] std::vector<record> on_timer(time_point now);

private:
    struct membership {
        ip_address group;
        std::size_t users = 0;
        unsigned changes_left = 0;
        time_point change_at = never;
        time_point answer_at = never;
    };
    [[nodiscard]] duration some_of(duration most);
    void find_deadline() noexcept;

    prng random_;
    std::vector<membership> groups_; // without users: only to tell that it was left
    time_point all_at_ = never;      // when an answer for all of them is due
    time_point deadline_ = never;    // the first of all, as it is asked for often
    time_point v1_until_ = time_point::min();
    time_point v2_until_ = time_point::min();
};

} // namespace runnel::inline v0::stack
