// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page.hpp"

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/flow/resolver.hpp"
#include "runnel/flow/transport.hpp"
#include "runnel/stack/stack_definition.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The endpoints that the program knows.
namespace runnel::inline v0::program {

/// All its transports. Made at the first call, which may come from any thread.
[[nodiscard]] const transport_registry& transports();

/// Has names of hosts looked up by this from now on, and not by the system's resolver. Before the
/// first endpoint is opened.
void look_names_up_by(std::shared_ptr<resolver> names);

/// Lets endpoints name this stack. Before the first is opened. Errors: two of one name.
result<void> define_stack(stack::stack_definition one);

/// The stack of this name, for the current loop; it lives as long as that. Errors: `not_found`, and
/// those of opening it.
[[nodiscard]] task<result<stack::ip_stack*>> open_defined_stack(std::string name);

/// Opens a flow to an endpoint.
[[nodiscard]] task<result<flow_ptr>> open_flow(const endpoint& to);

/// Listens at an endpoint. `share`: several listeners take their part of the connections (TCP).
[[nodiscard]] task<result<listener_ptr>> open_listener(const endpoint& at, bool share);

/// The endpoint, without parameters, at which a listener opened by `at` can be reached: with the
/// port that it got, and with the layers of `at`.
[[nodiscard]] std::string place_of(const listener& open, const endpoint& at);

/// The parameters that endpoints of a scheme take.
[[nodiscard]] std::vector<parameter_info> parameters_of(std::string_view scheme);

/// What there is to say about endpoints in general, and about the parameters of each kind.
[[nodiscard]] topic_page endpoint_topic();
[[nodiscard]] topic_page parameter_topic();

} // namespace runnel::inline v0::program
