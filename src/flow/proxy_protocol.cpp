// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/proxy_protocol.hpp"

#include "proxy_protocol_parts.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// Whether what was received so far may go on to be `start`, or already does.
bool may_start_with(std::span<const std::byte> received,
                    std::span<const std::byte> start) noexcept {
    const std::size_t known = std::min(received.size(), start.size());
    return std::ranges::equal(received.first(known), start.first(known));
}

} // namespace

result<std::optional<parsed_proxy_header>> parse_proxy_header(std::span<const std::byte> received,
                                                              const proxy_protocol_limits& limits) {
    if (received.empty()) {
        return std::nullopt;
    }
    if (limits.version1 &&
        may_start_with(received, std::as_bytes(std::span(proxy_wire::text_start)))) {
        return proxy_wire::parse_v1(received);
    }
    if (limits.version2 && may_start_with(received, proxy_wire::signature)) {
        return proxy_wire::parse_v2(received, limits.longest);
    }
    return proxy_wire::bad("the connection does not begin with one");
}

} // namespace runnel::inline v0
