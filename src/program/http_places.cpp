// SPDX-License-Identifier: Apache-2.0
#include "http_places.hpp"

#include "places.hpp"

#include "runnel/core/ip_address.hpp"
#include "runnel/flow/percent.hpp"
#include "runnel/http/forward_proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace runnel::inline v0::program {
namespace {

constexpr std::uint16_t default_socks_port = 1080;

/// The endpoint with a parameter behind those that it has, unless it has that one.
void add_parameter(std::string& text, std::string_view name, std::string_view value) {
    const char mark = text.find('?') == std::string::npos ? '?' : '&';
    text += fmt::format("{}{}={}", mark, name, percent_encode(value, "&?"));
}

bool is_loopback(const std::string& host) {
    const result<ip_address> address = ip_address::parse(host);
    return host == "localhost" || (address && address->is_loopback());
}

bool is_replaced(const http::url& to, const url_options& options) {
    return options.instead && options.origin && to.same_origin(*options.origin);
}

/// The proxy that a URL is reached through, or null. What runs here is reached without.
const http::url* proxy_for(const http::url& to, const url_options& options) {
    const auto& proxy = to.scheme() == "https" ? options.https_proxy : options.http_proxy;
    const bool direct = !proxy || is_replaced(to, options) || is_loopback(to.host()) ||
                        http::is_excepted(options.no_proxy, to.host(), to.port());
    return direct ? nullptr : &*proxy;
}

task<result<flow_ptr>> open_through(const http::url& to, const endpoint& place,
                                    const http::url& proxy) {
    const bool socks = proxy.scheme() == "socks5";
    const std::uint16_t port = proxy.port() != 0 ? proxy.port() : default_socks_port;
    const bool bracketed = proxy.host().find(':') != std::string::npos;
    const result<endpoint> at = endpoint::parse(fmt::format(
        "tcp://{}{}{}:{}", bracketed ? "[" : "", proxy.host(), bracketed ? "]" : "", port));
    if (!at) {
        co_return fail(at.error());
    }
    result<flow_ptr> open = co_await open_flow(*at);
    if (!open) {
        co_return fail(open.error().wrap("proxy " + proxy.to_string()));
    }
    const bool secure = to.scheme() == "https";
    if (!secure && !socks) {
        co_return open; // which is asked for the whole URL
    }
    http::proxied_place target(to.host(), to.port());
    if (socks) {
        open = co_await http::connect_by_socks5(*std::move(open), std::move(target), {});
    } else {
        open = co_await http::connect_by_http(*std::move(open), std::move(target), {});
    }
    if (!open || !secure) {
        co_return open;
    }
    const auto tls = transports().layers().find("tls");
    co_return co_await tls->second.connect(*std::move(open), place);
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets any
    return value == nullptr ? std::string() : std::string(value);
}

/// The variable of this name, or of the same in upper case.
std::string either(const char* lower, const char* upper) {
    std::string value = variable(lower);
    return value.empty() ? variable(upper) : value;
}

task<result<flow_ptr>> open_url(const http::url& to, const url_options& options) {
    const result<endpoint> place = endpoint_of(to, options);
    if (!place) {
        co_return fail(place.error());
    }
    if (const http::url* const proxy = proxy_for(to, options)) {
        co_return co_await open_through(to, *place, *proxy);
    }
    co_return co_await open_flow(*place);
}

} // namespace

result<endpoint> endpoint_of(const http::url& to, const url_options& options) {
    const bool secure = to.scheme() == "https";
    if (!secure && to.scheme() != "http") {
        return fail(errc::not_supported, "expected an http or https URL, got " + to.to_string());
    }
    const bool replaced = is_replaced(to, options);
    const bool bracketed = to.host().find(':') != std::string::npos;
    std::string text = replaced ? options.instead->to_string()
                                : fmt::format("tcp://{0}{1}{2}:{3}", bracketed ? "[" : "",
                                              to.host(), bracketed ? "]" : "", to.port());
    const auto has = [&](std::string_view name) {
        return replaced && options.instead->params().find(name) != nullptr;
    };
    const bool has_tls = replaced && std::ranges::find(options.instead->layers(), "tls") !=
                                         options.instead->layers().end();
    if (secure && !has_tls) {
        text.insert(0, "tls+");
    }
    if (secure || has_tls) {
        if (!has("alpn")) {
            add_parameter(text, "alpn", "http/1.1");
        }
        if (replaced && !has("sni")) {
            add_parameter(text, "sni", to.host());
        }
        if (!options.authorities.empty() && !has("ca")) {
            add_parameter(text, "ca", options.authorities);
        }
        if (options.insecure && !has("verify")) {
            add_parameter(text, "verify", "no");
        }
    }
    return endpoint::parse(text);
}

result<http::url> parse_proxy(std::string_view text) {
    // As everybody writes them: without a scheme they speak HTTP.
    const bool bare = text.find("://") == std::string_view::npos;
    result<http::url> proxy = http::url::parse((bare ? "http://" : "") + std::string(text));
    if (proxy && proxy->scheme() != "http" && proxy->scheme() != "socks5") {
        return fail(errc::invalid_argument,
                    "expected http://host:port or socks5://host:port, got " + proxy->to_string());
    }
    return proxy;
}

result<void> take_proxies_from_environment(url_options& options) {
    const std::string all = either("all_proxy", "ALL_PROXY");
    const auto take = [&](std::string value, std::optional<http::url>& target) -> result<void> {
        value = value.empty() ? all : value;
        if (value.empty()) {
            return {};
        }
        result<http::url> proxy = parse_proxy(value);
        if (!proxy) {
            return fail(proxy.error().wrap("proxy of the environment"));
        }
        target = *std::move(proxy);
        return {};
    };
    options.no_proxy = either("no_proxy", "NO_PROXY");
    // HTTP_PROXY in upper case may come from a request's field `Proxy`, in a CGI program.
    const result<void> taken = take(variable("http_proxy"), options.http_proxy);
    return taken ? take(either("https_proxy", "HTTPS_PROXY"), options.https_proxy) : taken;
}

bool goes_whole_to_proxy(const http::url& to, const url_options& options) {
    const http::url* const proxy = proxy_for(to, options);
    return to.scheme() == "http" && proxy != nullptr && proxy->scheme() == "http";
}

http::connector make_connector(const url_options& options) {
    return [&options](const http::url& to) { return open_url(to, options); };
}

} // namespace runnel::inline v0::program
