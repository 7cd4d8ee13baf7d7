// SPDX-License-Identifier: Apache-2.0
#include "machine_transports.hpp"

#include "runnel/host/hvsock.hpp"
#include "runnel/host/hybrid_vsock.hpp"
#include "runnel/host/transports.hpp"
#include "runnel/host/vsock.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::host {
namespace {

const std::vector<parameter_info>& vsock_parameters() {
    static const std::vector<parameter_info> all{
        {"rcvbuf", "rcvbuf=1MiB", "bytes that the peer may send before we have read them"},
        {"backlog", "backlog=4096", "connections that the kernel holds ready"},
        {"max-connections", "max-connections=100", "most connections at a time"},
    };
    return all;
}

result<vsock_address> vsock_address_of(const endpoint& place) {
    if (place.transport() == "vsock") {
        return vsock_address::parse(place.host(), place.port().value_or(0));
    }
    // hvsock://machine/service, or hvsock://machine:port.
    const std::string service = place.port()
                                    ? std::to_string(*place.port())
                                    : place.path().substr(place.path().starts_with('/') ? 1 : 0);
    const auto address = hvsock_address::parse(place.host(), service);
    if (!address) {
        return fail(address.error());
    }
    return address->to_vsock();
}

struct vsock_place {
    vsock_address address;
    vsock_options options;
};

result<vsock_place> vsock_place_of(const endpoint& place) {
    const auto address = vsock_address_of(place);
    const auto options = vsock_options_of(place);
    if (!address || !options) {
        return fail(address ? options.error() : address.error());
    }
    return vsock_place{.address = *address, .options = *options};
}

task<result<flow_ptr>> connect_vsock(const endpoint& to) {
    const auto place = vsock_place_of(to);
    if (!place) {
        co_return fail(place.error());
    }
    co_return co_await host::connect(place->address, place->options);
}

task<result<listener_ptr>> listen_vsock(const endpoint& at) {
    const auto place = vsock_place_of(at);
    if (!place) {
        co_return fail(place.error());
    }
    co_return host::listen(place->address, place->options);
}

/// The guest's number in front of the port; only HyperKit's sockets lead to several guests.
result<std::uint32_t> guest_of(const endpoint& place) {
    const std::string& text = place.host();
    if (text.empty()) {
        return hybrid_vsock_address::only_guest;
    }
    std::uint32_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), last, number);
    if (place.transport() != "hyperkit" || failure != std::errc() || stopped != last) {
        return fail(errc::invalid_argument, place.to_string() + ": '" + text +
                                                "' in front of the port is no guest's number");
    }
    return number;
}

result<hybrid_vsock_address> hybrid_address_of(const endpoint& place) {
    const auto guest = guest_of(place);
    if (!guest) {
        return fail(guest.error());
    }
    if (place.path().empty()) {
        return fail(errc::invalid_argument,
                    place.to_string() + ": the path of a socket has to follow the port");
    }
    const auto kind = place.transport() == "hyperkit" ? hybrid_vsock_kind::hyperkit
                                                      : hybrid_vsock_kind::connect_line;
    hybrid_vsock_address address(kind, place.path(), place.port().value_or(0), *guest);
    // The longer one of the two paths.
    if (const auto fits = address.host_socket(); !fits) {
        return fail(fits.error());
    }
    return address;
}

result<void> check_hybrid(const endpoint& place) {
    const auto address = hybrid_address_of(place);
    return address ? without_value(unix_options_of(place)) : fail(address.error());
}

task<result<flow_ptr>> connect_hybrid(const endpoint& to) {
    const auto address = hybrid_address_of(to);
    const auto options = unix_options_of(to);
    if (!address || !options) {
        co_return fail(address ? options.error() : address.error());
    }
    co_return co_await host::connect(*address, *options);
}

task<result<listener_ptr>> listen_hybrid(const endpoint& at) {
    const auto address = hybrid_address_of(at);
    const auto options = unix_options_of(at);
    if (!address || !options) {
        co_return fail(address ? options.error() : address.error());
    }
    co_return host::listen(*address, *options);
}

} // namespace

void register_machine_transports(transport_registry& registry) {
    for (const char* scheme : {"vsock", "hvsock"}) {
        registry.add(scheme, {.connect = connect_vsock,
                              .listen = listen_vsock,
                              .parameters = vsock_parameters(),
                              .check = [](const endpoint& place) {
                                  return without_value(vsock_place_of(place));
                              }});
    }
    for (const char* scheme : {"firecracker", "cloud-hypervisor", "hyperkit"}) {
        registry.add(scheme, {.connect = connect_hybrid,
                              .listen = listen_hybrid,
                              .parameters = unix_parameters(true),
                              .check = check_hybrid});
    }
}

} // namespace runnel::inline v0::host
