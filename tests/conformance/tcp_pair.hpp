// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/when.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/host/tcp.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

namespace runnel::conformance {

using flow_pair = std::pair<flow_ptr, flow_ptr>;

/// The two ends of a connection.
inline task<result<flow_pair>> connect_pair(std::string_view address, host::tcp_options options) {
    auto listener = host::listen(ip_endpoint(*ip_address::parse(address), 0), options);
    if (!listener) {
        co_return fail(listener.error());
    }
    const ip_endpoint at = *(*listener)->local().ip();
    auto both = co_await when_all(host::connect(at, options), (*listener)->accept());
    if (!std::get<0>(both)) {
        co_return fail(std::get<0>(both).error());
    }
    if (!std::get<1>(both)) {
        co_return fail(std::get<1>(both).error());
    }
    co_return flow_pair(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
}

// Bounded buffers, which the kernel doubles, so that tests of full ones stay small.
inline constexpr std::uint32_t socket_buffer = 128 * 1024;
inline constexpr std::size_t buffering = std::size_t{2} << 20;
inline constexpr host::tcp_options bounded{.send_buffer = socket_buffer,
                                           .receive_buffer = socket_buffer};

} // namespace runnel::conformance
