// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/address_selection.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace runnel::inline v0 {

/// The times and numbers of RFC 8305, section 8.
struct happy_eyeballs_options {
    /// No attempt begins sooner after another that is still under way.
    static constexpr duration shortest_attempt_delay = std::chrono::milliseconds(10);

    /// How long IPv4 addresses wait for IPv6 addresses that have not come yet.
    duration resolution_delay = std::chrono::milliseconds(50);
    /// How long an attempt has until the next one begins beside it; at least
    /// `shortest_attempt_delay`.
    duration attempt_delay = std::chrono::milliseconds(250);
    /// How many addresses of the preferred family are tried before the other family takes turns.
    std::size_t first_family_count = 1;
};

/// One attempt to connect; counted from 0 in the order of their beginning.
enum class attempt_id : std::size_t {};

/// Begin to connect, and report with `connected` or `attempt_failed`.
struct start_attempt {
    attempt_id attempt{};
    ip_endpoint to;
};

/// Another attempt was faster, or nobody wants a connection any more: give this one up.
struct cancel_attempt {
    attempt_id attempt{};
};

/// Done: this attempt's connection is the one to use.
struct attempts_won {
    attempt_id attempt{};
    ip_endpoint to;
};

/// Done: there is no connection. The error is the first of all attempts, and then of the families
/// that could not be resolved, that is more than `unreachable` or `not_found`; its text has the
/// others too.
struct attempts_lost {
    error reason;
};

/// Connects to one of several addresses, quickly also when some of them or one of the address
/// families does not work: Happy Eyeballs version 2 (RFC 8305), as a pure engine without sockets or
/// clock.
///
/// - Addresses of either family are used as they come. IPv6 addresses are tried at once; IPv4
///   addresses that come first wait for them, but for no more than 50 ms (section 3).
/// - They are ordered by `sort_destinations`, and then by family in turns (section 4). Addresses
/// that
///   come later are put where they had been if they had come with the first ones; what was already
///   tried is not tried again.
/// - An attempt begins when the one before has failed, or has taken 250 ms (section 5). The first
///   connection wins and ends all others.
///
/// The driver calls an input function, then takes all of `next_action`, then sees to it that
/// `advance` is called at `next_wakeup`. The last action is `attempts_won` or `attempts_lost`, and
/// there is exactly one; inputs after that are ignored. `now` never goes back. For a deadline, call
/// `cancel`.
class happy_eyeballs {
public:
    using action = std::variant<start_attempt, cancel_attempt, attempts_won, attempts_lost>;

    /// Most addresses that are tried of each family.
    static constexpr std::size_t most_per_family = 32;

    explicit happy_eyeballs(happy_eyeballs_options options = {});

    /// Addresses of a family, in the order of the answer; none if the family is not wanted. Each
    /// family needs this or `not_resolved`. Further calls add further addresses.
    void resolved(ip_family family, std::span<const destination> found, time_point now);

    /// The name has no addresses of a family, or they cannot be found out.
    void not_resolved(ip_family family, const error& reason, time_point now);

    void connected(attempt_id id, time_point now);
    void attempt_failed(attempt_id id, const error& reason, time_point now);

    /// Gives all attempts up; ends with `attempts_lost` for `reason`.
    void cancel(const error& reason = errc::cancelled);

    /// Time has passed.
    void advance(time_point now);

    /// When to call `advance`, if nothing happens before; `never` if nothing waits for the time.
    [[nodiscard]] time_point next_wakeup() const noexcept;

    /// What to do next; nothing when all is done.
    [[nodiscard]] std::optional<action> next_action();

private:
    struct attempt {
        ip_endpoint to;
        bool pending = true;
    };
    struct failure {
        std::string where;
        error reason;
    };

    [[nodiscard]] bool is_resolved(ip_family family) const noexcept {
        return resolved_[static_cast<std::size_t>(family)];
    }
    void add(const destination& found);
    void reorder();
    [[nodiscard]] const ip_endpoint* next_to_try() const noexcept;
    [[nodiscard]] time_point next_start() const noexcept;
    [[nodiscard]] bool any_pending() const noexcept;
    void proceed(time_point now);
    void cancel_pending();
    void lose();

    happy_eyeballs_options options_;
    std::array<bool, 2> resolved_{};
    std::vector<destination> found_; // as they came
    std::vector<ip_endpoint> order_; // in which they are tried
    std::vector<attempt> attempts_;
    std::vector<failure> failed_attempts_;
    std::vector<failure> failed_names_;
    time_point first_found_ = never;
    time_point last_start_ = never;
    bool over_ = false;
    std::deque<action> actions_;
};

} // namespace runnel::inline v0
