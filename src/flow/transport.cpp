// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/transport.hpp"

#include "layered_listener.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

constexpr parameter_info connect_timeout{"connect-timeout", "connect-timeout=5s",
                                         "how long connecting may take, name lookup included"};

result<duration> connect_limit_of(const endpoint& place) {
    return place.params().duration(connect_timeout.name, duration::max(),
                                   std::chrono::milliseconds(1));
}

error cannot(const endpoint& place, std::string_view scheme, std::string_view what) {
    return {errc::not_supported, "endpoint \"" + place.to_string() + "\": " + std::string(what) +
                                     " '" + std::string(scheme) + "'"};
}

} // namespace

void transport_registry::add(std::string scheme, transport how) {
    transports_.insert_or_assign(std::move(scheme), std::move(how));
}

void transport_registry::add_layer(std::string scheme, transport_layer how) {
    layers_.insert_or_assign(std::move(scheme), std::move(how));
}

std::vector<parameter_info> transport_registry::parameters_of(const endpoint& place) const {
    std::vector<parameter_info> all;
    for (const std::string& scheme : place.layers()) {
        if (const auto found = layers_.find(scheme); found != layers_.end()) {
            all.insert(all.end(), found->second.parameters.begin(), found->second.parameters.end());
        }
    }
    if (const auto found = transports_.find(place.transport()); found != transports_.end()) {
        all.insert(all.end(), found->second.parameters.begin(), found->second.parameters.end());
    }
    all.push_back(connect_timeout);
    return all;
}

result<void> transport_registry::check(const endpoint& place) const {
    for (const std::string& scheme : place.layers()) {
        if (!layers_.contains(scheme)) {
            return fail(cannot(place, scheme, "this program has no layer"));
        }
    }
    const auto transport = transports_.find(place.transport());
    if (transport == transports_.end()) {
        return fail(cannot(place, place.transport(), "this program has no transport"));
    }
    std::vector<std::string_view> known;
    for (const parameter_info& parameter : parameters_of(place)) {
        known.push_back(parameter.name);
    }
    if (auto all_known = place.params().check_known(known); !all_known) {
        return all_known;
    }
    if (auto limit = connect_limit_of(place); !limit) {
        return fail(std::move(limit.error()));
    }
    for (const std::string& scheme : place.layers()) {
        if (const auto& check = layers_.find(scheme)->second.check) {
            if (auto fine = check(place); !fine) {
                return fine;
            }
        }
    }
    const auto& its_own = transport->second.check;
    return its_own ? its_own(place) : result<void>();
}

task<result<flow_ptr>> transport_registry::connect(endpoint to) const {
    if (auto fine = check(to); !fine) {
        co_return fail(std::move(fine.error()));
    }
    const duration limit = connect_limit_of(to).value_or(duration::max());
    const time_point deadline = saturating_add(loop::current().now(), limit);
    auto opened = co_await with_deadline(deadline, connect_checked(to));
    if (!opened && opened.error() == errc::timed_out &&
        opened.error().text() == "deadline passed") {
        co_return fail(opened.error().wrap("connect " + to.to_string()));
    }
    co_return opened;
}

task<result<flow_ptr>> transport_registry::connect_checked(endpoint to) const {
    if (to.layers().empty()) {
        const transport& how = transports_.find(to.transport())->second;
        if (!how.connect) {
            co_return fail(cannot(to, to.transport(), "nothing connects to a place of"));
        }
        co_return co_await how.connect(to);
    }
    const std::string& outermost = to.schemes().front();
    const transport_layer& how = layers_.find(outermost)->second;
    if (how.share) {
        open_function below = [this, inner = to.inner()] { return connect_checked(inner); };
        co_return co_await how.share(to, std::move(below));
    }
    if (!how.connect) {
        co_return fail(cannot(to, outermost, "nothing connects through the layer"));
    }
    auto below = co_await connect_checked(to.inner());
    if (!below) {
        co_return below;
    }
    co_return co_await how.connect(std::move(*below), to);
}

task<result<listener_ptr>> transport_registry::listen(endpoint at) const {
    if (auto fine = check(at); !fine) {
        co_return fail(std::move(fine.error()));
    }
    co_return co_await listen_checked(std::move(at));
}

task<result<listener_ptr>> transport_registry::listen_checked(endpoint at) const {
    if (at.layers().empty()) {
        const transport& how = transports_.find(at.transport())->second;
        if (!how.listen) {
            co_return fail(cannot(at, at.transport(), "nothing listens at a place of"));
        }
        co_return co_await how.listen(at);
    }
    const std::string& outermost = at.schemes().front();
    const transport_layer& how = layers_.find(outermost)->second;
    if (!how.accept && !how.gather) {
        co_return fail(cannot(at, outermost, "nothing listens through the layer"));
    }
    if (how.check_listen) {
        if (auto fine = how.check_listen(at); !fine) {
            co_return fail(std::move(fine.error()));
        }
    }
    auto below = co_await listen_checked(at.inner());
    if (!below) {
        co_return below;
    }
    if (how.gather) {
        co_return how.gather(std::move(*below), at);
    }
    co_return make_layered_listener(std::move(*below), how, std::move(at));
}

} // namespace runnel::inline v0
