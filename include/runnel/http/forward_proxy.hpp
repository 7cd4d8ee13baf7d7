// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// Ways out through a proxy that connects on behalf of others. What they give is a flow to the
/// place that was asked for, so anything can be spoken over it, TLS too.
namespace runnel::inline v0::http {

/// Where a proxy is to connect to.
struct proxied_place {
    proxied_place(std::string_view name, std::uint16_t number) : host(name), port(number) {}

    std::string host; ///< a name or an address without brackets; names are looked up by the proxy
    std::uint16_t port;
};

/// Who asks, for a proxy that wants to know. Empty: nobody.
struct proxy_login {
    proxy_login() = default;
    proxy_login(std::string_view name, std::string_view secret) : user(name), password(secret) {}

    std::string user;
    std::string password;
};

/// Has the HTTP proxy at the other end of `with` connect, by CONNECT (RFC 9110, section 9.3.6).
/// `refused`, with the proxy's words, for any answer that is not a success.
[[nodiscard]] task<result<flow_ptr>> connect_by_http(flow_ptr with, proxied_place to,
                                                     proxy_login login);

/// The same for a SOCKS proxy of version 5 (RFC 1928, RFC 1929). Errors: `refused`, `unreachable`,
/// `permission_denied` as the proxy says; `protocol_error` if it is none.
[[nodiscard]] task<result<flow_ptr>> connect_by_socks5(flow_ptr with, proxied_place to,
                                                       proxy_login login);

/// The value of `Proxy-Authorization` or `Authorization` for this user (RFC 7617).
[[nodiscard]] std::string basic_credentials(const proxy_login& login);

/// Whether a host is one that the variable `no_proxy` names: host names with all that is below
/// them, addresses, or `*`, between commas; each may have a port behind a colon.
[[nodiscard]] bool is_excepted(std::string_view no_proxy, std::string_view host,
                               std::uint16_t port) noexcept;

} // namespace runnel::inline v0::http
