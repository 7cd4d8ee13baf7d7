// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/flow/transport.hpp"

namespace runnel::inline v0 {

/// A listener whose flows come from `below` and go through the layer `how`, which must outlive it,
/// before they are given out. Many may be on their way through it at once, so that a slow or silent
/// peer does not hold up the others.
[[nodiscard]] listener_ptr make_layered_listener(listener_ptr below, const transport_layer& how,
                                                 endpoint whole);

} // namespace runnel::inline v0
