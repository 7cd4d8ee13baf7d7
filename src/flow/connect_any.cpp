// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/connect_any.hpp"

#include "alarm.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/this_task.hpp"

#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace runnel::inline v0 {
namespace {

/// The engine, and the tasks that do what it wants.
class race {
public:
    race(resolver& names, dialer& by, std::string host, std::uint16_t port,
         const connect_any_options& options)
        : names_(names), dialer_(by), host_(std::move(host)), port_(port), options_(options),
          engine_(options.timing) {}

    /// Runs in a scope of its own, in which the attempts and look-ups live.
    task<void> run(scope& tasks);

    [[nodiscard]] result<flow_ptr> take() {
        if (won_) {
            return std::move(connected_.at(*won_));
        }
        return fail(*lost_);
    }

private:
    static time_point now() noexcept { return loop::current().now(); }
    void pump();
    void wake() noexcept {
        engine_.advance(now());
        pump();
    }
    void look_up(ip_family family, bool wanted);
    task<void> resolve(ip_family family);
    task<void> attempt(attempt_id id, ip_endpoint to);

    resolver& names_;
    dialer& dialer_;
    std::string host_;
    std::uint16_t port_;
    connect_any_options options_;
    happy_eyeballs engine_;
    scope* tasks_ = nullptr;
    std::map<attempt_id, flow_ptr> connected_;
    std::optional<attempt_id> won_;
    std::optional<error> lost_;
    event over_;
    alarm<&race::wake> alarm_{*this};
};

task<void> race::run(scope& tasks) {
    tasks_ = &tasks;
    look_up(ip_family::v6, options_.v6);
    look_up(ip_family::v4, options_.v4);
    pump();
    const result<void> waited = co_await over_.wait();
    if (!waited) {
        engine_.cancel(waited.error());
        pump();
    }
    alarm_.cancel();
    tasks.request_stop(); // of what was slower
}

/// Does all that the engine wants done. Giving attempts up comes with the end of the race.
void race::pump() {
    while (auto next = engine_.next_action()) {
        if (const auto* start = std::get_if<start_attempt>(&*next)) {
            tasks_->spawn(attempt(start->attempt, start->to), "connect attempt");
        } else if (const auto* won = std::get_if<attempts_won>(&*next)) {
            won_ = won->attempt;
            over_.set();
        } else if (auto* lost = std::get_if<attempts_lost>(&*next)) {
            lost_ = std::move(lost->reason);
            over_.set();
        }
    }
    alarm_.cancel();
    loop::current().arm(alarm_, engine_.next_wakeup());
}

void race::look_up(ip_family family, bool wanted) {
    if (wanted) {
        tasks_->spawn(resolve(family), "name look-up");
    } else {
        engine_.resolved(family, {}, now());
    }
}

task<void> race::resolve(ip_family family) {
    const result<std::vector<ip_address>> found = co_await names_.resolve(host_, family);
    if (co_await this_task::stop_requested()) {
        co_return;
    }
    if (found) {
        std::vector<destination> places;
        for (const ip_address& address : *found) {
            places.push_back(dialer_.route({address, port_}));
        }
        engine_.resolved(family, places, now());
    } else {
        engine_.not_resolved(family, found.error(), now());
    }
    pump();
}

task<void> race::attempt(attempt_id id, ip_endpoint to) {
    result<flow_ptr> made = co_await dialer_.dial(to);
    if (co_await this_task::stop_requested()) {
        co_return;
    }
    if (made) {
        connected_.emplace(id, std::move(*made));
        engine_.connected(id, now());
    } else {
        engine_.attempt_failed(id, made.error(), now());
    }
    pump();
}

} // namespace

task<result<flow_ptr>> connect_any(resolver& names, dialer& by, std::string host,
                                   std::uint16_t port, connect_any_options options) {
    if (const auto address = ip_address::parse(host)) {
        co_return co_await by.dial({*address, port});
    }
    race all(names, by, std::move(host), port, options);
    auto body = [&all](scope& tasks) -> task<void> { return all.run(tasks); };
    (void)co_await with_scope(std::move(body));
    co_return all.take();
}

} // namespace runnel::inline v0
