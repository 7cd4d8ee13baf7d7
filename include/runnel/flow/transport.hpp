// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// A parameter that endpoints of a scheme take, for help and for errors about unknown ones.
struct parameter_info {
    std::string_view name;    ///< a constant of the program
    std::string_view example; ///< as written: "keepalive=60s,10s,6"; a constant, too
    std::string_view meaning; ///< one line for people
};

/// Whether something succeeded, for a `transport::check` that does not need what it gave.
template <class T>
[[nodiscard]] result<void> without_value(const result<T>& given) {
    return given ? result<void>() : fail(given.error());
}

/// How endpoints of one scheme become flows. What a transport cannot do stays empty.
struct transport {
    std::function<task<result<flow_ptr>>(const endpoint& to)> connect = {};
    std::function<task<result<listener_ptr>>(const endpoint& at)> listen = {};
    std::vector<parameter_info> parameters = {};
    /// Whether the values of the parameters make sense, without opening anything; empty where
    /// `connect` and `listen` alone find out.
    std::function<result<void>(const endpoint& place)> check = {};
};

/// Opens a flow to the place below a layer, anew at each call.
using open_function = std::function<task<result<flow_ptr>>()>;

/// How a layer in front of a transport, as in `tls+tcp:`, makes a flow over the flow below it.
struct transport_layer {
    /// The side that connects, and the side that accepts. `whole` is the endpoint from this layer
    /// on.
    std::function<task<result<flow_ptr>>(flow_ptr below, const endpoint& whole)> connect = {};
    std::function<task<result<flow_ptr>>(flow_ptr below, const endpoint& whole)> accept = {};
    /// Says before anything listens whether `accept` can do its work there.
    std::function<result<void>(const endpoint& whole)> check_listen = {};
    std::vector<parameter_info> parameters = {};
    /// In place of `connect` and `accept`, where flows of the layer share flows below.
    std::function<task<result<flow_ptr>>(const endpoint& whole, open_function below)> share = {};
    std::function<result<listener_ptr>(listener_ptr below, const endpoint& whole)> gather = {};
    /// As of `transport::check`.
    std::function<result<void>(const endpoint& whole)> check = {};
};

/// Opens endpoints of every scheme that was added to it. Made once by a program, then used by any
/// number of its loops; adding is not for several threads at a time. Must outlive what it opens.
class transport_registry {
public:
    /// Adds or replaces the transport of a scheme, which the endpoint grammar has to know, too
    /// (`register_scheme`).
    void add(std::string scheme, transport how);
    void add_layer(std::string scheme, transport_layer how);

    /// Opens a flow to an endpoint. Gives `not_supported` for a scheme that was not added or cannot
    /// connect, `invalid_argument` for a parameter that none of its schemes takes, and the
    /// transport's own errors, which name the endpoint. The parameter `connect-timeout=5s` of every
    /// endpoint bounds the whole.
    [[nodiscard]] task<result<flow_ptr>> connect(endpoint to) const;

    /// Listens at an endpoint; errors as of `connect`. Flows of an endpoint with layers have passed
    /// them all when `accept` gives them; one that fails to is dropped and not reported. Up to 256
    /// are on their way at a time, in no order.
    [[nodiscard]] task<result<listener_ptr>> listen(endpoint at) const;

    /// Finds the mistakes that can be found without opening anything: a scheme that was not added,
    /// and parameters that it does not take or that have senseless values. `connect` and `listen`
    /// do the same first.
    [[nodiscard]] result<void> check(const endpoint& place) const;

    /// The parameters that an endpoint of these schemes takes, outermost first.
    [[nodiscard]] std::vector<parameter_info> parameters_of(const endpoint& place) const;
    [[nodiscard]] const std::map<std::string, transport, std::less<>>& transports() const noexcept {
        return transports_;
    }
    [[nodiscard]] const std::map<std::string, transport_layer, std::less<>>&
    layers() const noexcept {
        return layers_;
    }

private:
    [[nodiscard]] task<result<flow_ptr>> connect_checked(endpoint to) const;
    [[nodiscard]] task<result<listener_ptr>> listen_checked(endpoint at) const;

    std::map<std::string, transport, std::less<>> transports_;
    std::map<std::string, transport_layer, std::less<>> layers_;
};

} // namespace runnel::inline v0
