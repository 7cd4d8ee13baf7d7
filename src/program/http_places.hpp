// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/http/client.hpp"
#include "runnel/http/url.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Where URLs lead to.
namespace runnel::inline v0::program {

/// How servers are reached.
struct url_options {
    /// Where the origin `origin` is reached instead, by any transport; the scheme still decides
    /// about TLS, unless the endpoint has it.
    std::optional<endpoint> instead = {};
    std::optional<http::url> origin = {};
    /// A file of authorities; empty: the system's.
    std::string authorities = {};
    bool insecure = false; ///< takes any certificate
    /// Proxies for http and for https, `http://host:port` or `socks5://host:port`.
    std::optional<http::url> http_proxy = {};
    std::optional<http::url> https_proxy = {};
    std::string no_proxy = {}; ///< hosts that are reached without
};

/// Takes the proxies from `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, as curl does.
[[nodiscard]] result<void> take_proxies_from_environment(url_options& options);

/// Whether the URL is asked for at an HTTP proxy, whole.
[[nodiscard]] bool goes_whole_to_proxy(const http::url& to, const url_options& options);

/// Reads the URL of a proxy.
[[nodiscard]] result<http::url> parse_proxy(std::string_view text);

/// The endpoint that a URL of http or https leads to.
[[nodiscard]] result<endpoint> endpoint_of(const http::url& to, const url_options& options);

/// Opens flows to the endpoints of URLs. `options` outlives it.
[[nodiscard]] http::connector make_connector(const url_options& options);

} // namespace runnel::inline v0::program
