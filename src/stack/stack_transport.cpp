// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_transport.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/flow/connect_any.hpp"
#include "runnel/flow/quantity.hpp"
#include "runnel/stack/ip/dhcp_client.hpp"
#include "runnel/stack/stack_resolver.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

constexpr std::array<std::string_view, 8> known_parameters{
    "stack",  "nodelay",         "cork",   "keepalive", "user-timeout",
    "v6only", "max-connections", "backlog"};

/// What a listener of several loops is asked for, and the one parameter of all schemes.
constexpr std::array<std::string_view, 2> other_parameters{"connect-timeout", "reuse-port"};

class stack_dialer final : public dialer {
public:
    stack_dialer(ip_stack& by, const tcp_flow_options& options) noexcept
        : stack_(&by), options_(options) {}

    task<result<flow_ptr>> dial(ip_endpoint to) override {
        auto opened = co_await stack::connect(stack_->tcp(), to, options_);
        if (!opened) {
            co_return fail(opened.error());
        }
        co_return flow_ptr(*std::move(opened));
    }

    destination route(ip_endpoint to) override {
        destination known{.endpoint = to};
        const auto source = stack_->net().source_for(to.address());
        if (source) {
            known.source = *source;
        } else {
            known.unreachable = true;
        }
        return known;
    }

private:
    ip_stack* stack_;
    tcp_flow_options options_;
};

result<std::optional<tcp_keepalive>> keepalive_of(const parameter* given) {
    if (given == nullptr) {
        return std::nullopt;
    }
    const std::vector<parameter> items = given->items();
    if (items.empty() || items.size() > 3) {
        return fail(given->bad("after, interval and count, as 60s,10s,6"));
    }
    tcp_keepalive probes;
    duration* const spans[] = {&probes.after, &probes.interval};
    for (std::size_t i = 0; i < std::min<std::size_t>(items.size(), 2); ++i) {
        const auto span = items[i].duration(std::chrono::milliseconds(1), std::chrono::hours(24));
        if (!span) {
            return fail(span.error());
        }
        *spans[i] = *span;
    }
    if (items.size() == 3) {
        const auto count = items[2].integer(1, 127);
        if (!count) {
            return fail(count.error());
        }
        probes.count = static_cast<std::uint32_t>(*count);
    }
    return probes;
}

result<tcp_listen_options> options_of(const endpoint& place) {
    const parameters& given = place.params();
    for (const parameter& one : given) {
        if (std::ranges::find(known_parameters, one.name()) == known_parameters.end() &&
            std::ranges::find(other_parameters, one.name()) == other_parameters.end()) {
            return fail(errc::not_supported,
                        "'" + one.name() + "' is for the system's own TCP, not for a stack");
        }
    }
    tcp_listen_options options;
    const auto nodelay = given.flag("nodelay", true);
    const auto cork = given.flag("cork");
    const auto v6_only = given.flag("v6only");
    const auto keepalive = keepalive_of(given.find("keepalive"));
    const auto timeout = given.duration("user-timeout", duration::zero());
    const auto backlog = given.integer("backlog", options.backlog, 1, 65'535);
    const auto most = given.integer("max-connections", 0, 0, 1U << 30U);
    for (const auto* flag : {&nodelay, &cork, &v6_only}) {
        if (!*flag) {
            return fail(flag->error());
        }
    }
    if (!keepalive || !timeout || !backlog || !most) {
        return fail(!keepalive ? keepalive.error()
                    : !timeout ? timeout.error()
                    : !backlog ? backlog.error()
                               : most.error());
    }
    options.flows.nodelay = *nodelay;
    options.flows.cork = *cork;
    options.flows.keepalive = *keepalive;
    if (*timeout > duration::zero()) {
        options.flows.user_timeout = *timeout;
    }
    options.v6_only = *v6_only;
    options.backlog = *backlog;
    options.max_connections = *most;
    return options;
}

std::uint16_t port_of(const endpoint& place) noexcept {
    return static_cast<std::uint16_t>(place.port().value_or(0));
}

/// A stack of a loop, and the names it looks up by itself.
struct opened_stack {
    explicit opened_stack(std::unique_ptr<ip_stack> made) : own(std::move(made)), names(*own) {}
    std::unique_ptr<ip_stack> own;
    stack_resolver names;
};

task<result<opened_stack*>> open_for_loop(const stack_set& stacks, std::string name);

task<result<flow_ptr>> connect_over(const stack_set& stacks, endpoint to, resolver& names) {
    const auto options = options_of(to);
    if (!options) {
        co_return fail(options.error());
    }
    const auto opened = co_await open_for_loop(stacks, to.params().text("stack"));
    if (!opened) {
        co_return fail(opened.error());
    }
    ip_stack& own = *(*opened)->own;
    stack_dialer dialer(own, options->flows);
    const std::string host = to.host().empty() ? "localhost" : to.host();
    if (const auto address = ip_address::parse(host)) {
        co_return co_await dialer.dial({*address, port_of(to)});
    }
    // A stack that knows no name server leaves that to the program.
    resolver& by = own.name_servers().empty() ? names : (*opened)->names;
    co_return co_await connect_any(by, dialer, host, port_of(to));
}

task<result<listener_ptr>> listen_over(const stack_set& stacks, endpoint at) {
    const auto options = options_of(at);
    if (!options) {
        co_return fail(options.error());
    }
    const auto opened = co_await stacks.open(at.params().text("stack"));
    if (!opened) {
        co_return fail(opened.error());
    }
    const auto address = at.host().empty() ? result<ip_address>(ip_address(ipv6_address::any()))
                                           : ip_address::parse(at.host());
    if (!address) {
        co_return fail(address.error().wrap("listen " + at.to_string()));
    }
    co_return stack::listen((*opened)->tcp(), {*address, port_of(at)}, *options);
}

} // namespace

// ---- the stacks

namespace {

/// Whether an address of ours is taken is known by then.
constexpr duration duplicate_detection = std::chrono::seconds(5);

/// The link of a stack that was opened by its description; 0 is the loopback.
constexpr std::uint32_t the_link = 1;

/// Why a stack cannot be used.
error unsettled(const ip_stack& stack, const stack_definition& what, const error& how) {
    const dhcp_client* const client = stack.dhcp(the_link);
    if (how != errc::timed_out || client == nullptr) {
        return how.wrap("stack '" + what.name + "'");
    }
    std::string text = "stack '" + what.name + "': DHCP gave no address within " +
                       format_duration(*what.dhcp) + " (";
    text += !client->refusal().empty() ? client->refusal()
            : client->now_in() == dhcp_client::state::selecting
                ? "no server answers"
                : "it is " + std::string(name(client->now_in()));
    return {errc::timed_out, text + ")"};
}

task<result<opened_stack*>> open_for_loop(const stack_set& stacks, std::string name) {
    const auto definition = stacks.find(name);
    if (!definition) {
        co_return fail(definition.error());
    }
    // By loop: one after another may run on a thread.
    static thread_local std::map<std::pair<const stack_set*, std::string>,
                                 std::weak_ptr<opened_stack>>
        opened;
    std::weak_ptr<opened_stack>& place = opened[{&stacks, name}];
    std::shared_ptr<opened_stack> kept = place.lock();
    if (kept == nullptr) {
        auto made = open_stack(**definition);
        if (!made) {
            co_return fail(made.error());
        }
        kept = std::make_shared<opened_stack>(std::move(*made));
        place = kept;
        loop::current().keep(kept);
    }
    const duration patience = (*definition)->dhcp.value_or(duplicate_detection);
    const result<void> settled = co_await with_timeout(patience, kept->own->settled());
    if (!settled && (settled.error() != errc::timed_out || (*definition)->dhcp)) {
        co_return fail(unsettled(*kept->own, **definition, settled.error()));
    }
    co_return kept.get();
}

} // namespace

result<void> stack_set::add(stack_definition one) {
    const std::string name = one.name;
    if (!definitions_.emplace(name, std::move(one)).second) {
        return fail(errc::invalid_argument, "there are two stacks named '" + name + "'");
    }
    return {};
}

result<const stack_definition*> stack_set::find(std::string_view name) const {
    const auto found = definitions_.find(name);
    if (found != definitions_.end()) {
        return &found->second;
    }
    std::string known;
    for (const auto& [each, definition] : definitions_) {
        known += (known.empty() ? "" : ", ") + each;
    }
    return fail(errc::not_found, "there is no stack '" + std::string(name) + "'; " +
                                     (known.empty() ? "--stack makes one" : "there is " + known));
}

task<result<ip_stack*>> stack_set::open(std::string name) const {
    const auto opened = co_await open_for_loop(*this, std::move(name));
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return (*opened)->own.get();
}

void register_stacks(transport_registry& registry, const stack_set& stacks, resolver& names) {
    transport how = registry.transports().at("tcp");
    how.parameters.push_back({"stack", "stack=lan", "use this stack of ours, not the system's"});
    how.connect = [&stacks, &names, system = how.connect](const endpoint& to) {
        return to.params().find("stack") != nullptr ? connect_over(stacks, to, names) : system(to);
    };
    how.listen = [&stacks, system = how.listen](const endpoint& at) {
        return at.params().find("stack") != nullptr ? listen_over(stacks, at) : system(at);
    };
    how.check = [system = how.check](const endpoint& place) -> result<void> {
        if (place.params().find("stack") == nullptr) {
            return system ? system(place) : result<void>();
        }
        // Whether there is such a stack shows later: it may be described behind the endpoint.
        const auto options = options_of(place);
        return options ? result<void>() : fail(options.error());
    };
    registry.add("tcp", std::move(how));
}

} // namespace runnel::inline v0::stack
