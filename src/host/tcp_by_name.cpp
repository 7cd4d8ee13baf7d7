// SPDX-License-Identifier: Apache-2.0
#include "tcp_by_name.hpp"

#include "runnel/flow/connect_any.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/transports.hpp"
#include "socket_address.hpp"
#include "socket_options.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <net/if.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

class tcp_dialer final : public dialer {
public:
    explicit tcp_dialer(const tcp_options& options) noexcept : options_(options) {}

    task<result<flow_ptr>> dial(ip_endpoint to) override {
        auto opened = co_await host::connect(to, options_);
        if (!opened) {
            co_return fail(opened.error());
        }
        co_return flow_ptr(*std::move(opened));
    }

    /// A UDP socket that connects sends nothing, and learns which address it would send from.
    destination route(ip_endpoint to) override {
        destination known{.endpoint = to};
        const socket_address address(to);
        const auto probe = open_socket(address.family(), SOCK_DGRAM);
        if (!probe) {
            return known;
        }
        if (::connect(probe->get(), address.data(), address.size()) != 0) {
            known.unreachable = true;
        } else if (const auto own = socket_address::of_socket(probe->get())) {
            if (const auto source = own->ip()) {
                known.source = source->address();
            }
        }
        return known;
    }

private:
    tcp_options options_;
};

/// An address in figures, whose zone may be the name of an interface; nothing for a host name.
result<std::optional<ip_address>> address_in_figures(const endpoint& place) {
    const std::string& host = place.host();
    if (const auto plain = ip_address::parse(host)) {
        return *plain;
    }
    const auto zoned = ipv6_address::parse_zoned(host);
    if (!zoned) {
        return std::nullopt;
    }
    const unsigned number = ::if_nametoindex(std::string(zoned->zone).c_str());
    if (number == 0) {
        return fail(errc::not_found, place.to_string() + ": no network interface is called '" +
                                         std::string(zoned->zone) + "'");
    }
    return ip_address(zoned->address.with_scope(number));
}

/// Whether the kernel has IPv6, so that one socket takes both families.
bool has_ipv6() {
    return open_socket(AF_INET6, SOCK_STREAM).has_value();
}

std::uint16_t port_of(const endpoint& place) {
    return static_cast<std::uint16_t>(place.port().value_or(0));
}

} // namespace

task<result<flow_ptr>> connect_tcp(const endpoint& to, resolver& names) {
    const auto options = tcp_options_of(to);
    if (!options) {
        co_return fail(options.error());
    }
    tcp_dialer dialer(*options);
    const auto address = address_in_figures(to);
    if (!address) {
        co_return fail(address.error());
    }
    if (address->has_value()) {
        co_return co_await dialer.dial(ip_endpoint(**address, port_of(to)));
    }
    const std::string host = to.host().empty() ? "localhost" : to.host();
    auto opened = co_await connect_any(names, dialer, host, port_of(to));
    if (!opened && opened.error().text().empty()) {
        co_return fail(opened.error().wrap("connect " + to.to_string()));
    }
    co_return opened;
}

task<result<ip_endpoint>> resolve_to_listen(const endpoint& at, resolver& names) {
    const std::uint16_t port = port_of(at);
    if (at.host().empty()) {
        co_return ip_endpoint(
            has_ipv6() ? ip_address(ipv6_address::any()) : ip_address(ipv4_address::any()), port);
    }
    const auto address = address_in_figures(at);
    if (!address) {
        co_return fail(address.error());
    }
    if (address->has_value()) {
        co_return ip_endpoint(**address, port);
    }
    const auto found = co_await resolve_all(names, at.host());
    if (!found) {
        co_return fail(found.error().wrap("listen " + at.to_string()));
    }
    co_return ip_endpoint(found->front(), port);
}

} // namespace runnel::inline v0::host
