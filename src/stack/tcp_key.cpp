// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_key.hpp"

namespace runnel::inline v0::stack {

namespace {

std::array<std::byte, 16> bytes_of(const ip_address& address) noexcept {
    return address.is_v4() ? ipv6_address::mapped(address.v4()).bytes() : address.v6().bytes();
}

} // namespace

tcp_key::tcp_key(const ip_endpoint& here, const ip_endpoint& there) noexcept
    : local(bytes_of(here.address())), remote(bytes_of(there.address())), local_port(here.port()),
      remote_port(there.port()) {}

ip_endpoint tcp_key::here() const noexcept {
    return {ip_address(ipv6_address(local)).unmapped(), local_port};
}

ip_endpoint tcp_key::there() const noexcept {
    return {ip_address(ipv6_address(remote)).unmapped(), remote_port};
}

} // namespace runnel::inline v0::stack
