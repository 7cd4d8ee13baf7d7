// SPDX-License-Identifier: Apache-2.0
#include "places.hpp"

#include "runnel/flow/pipe_transport.hpp"
#include "runnel/flow/transport.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"

#include <string>

namespace runnel::inline v0::program {
namespace {

/// What endpoints are opened with. One for each thread, because what it opens belongs to a loop.
class places {
public:
    places() {
        register_pipe_transport(registry_);
        host::register_transports(registry_, names_);
    }

    [[nodiscard]] const transport_registry& registry() const noexcept { return registry_; }

private:
    host::system_resolver names_;
    transport_registry registry_;
};

const transport_registry& registry() {
    static thread_local const places all;
    return all.registry();
}

/// The same endpoint with `reuse-port`, so that every thread can listen at it.
result<endpoint> shared_port(const endpoint& at) {
    if (at.transport() != "tcp" || at.params().find("reuse-port") != nullptr) {
        return at;
    }
    return endpoint::parse(at.to_string() + (at.params().empty() ? "?" : "&") + "reuse-port");
}

} // namespace

const transport_registry& known_transports() {
    return registry();
}

task<result<flow_ptr>> open_flow(const endpoint& to) {
    co_return co_await registry().connect(to);
}

task<result<listener_ptr>> open_listener(const endpoint& at, bool share) {
    const auto place = share ? shared_port(at) : result<endpoint>(at);
    if (!place) {
        co_return fail(place.error());
    }
    co_return co_await registry().listen(*place);
}

} // namespace runnel::inline v0::program
