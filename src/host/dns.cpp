// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/dns.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/udp.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <net/if.h>

namespace runnel::inline v0::host {
namespace {

constexpr std::uint16_t dns_port = 53;

/// The address of a server, with the number of the interface it names.
result<ip_endpoint> address_of(const dns_server& server) {
    if (server.zone.empty()) {
        return server.address;
    }
    const unsigned number = ::if_nametoindex(server.zone.c_str());
    if (number == 0) {
        return fail(errc::not_found, "no network interface is called '" + server.zone + "'");
    }
    return ip_endpoint(server.address.address().v6().with_scope(number), server.address.port());
}

class datagrams_to_server final : public dns_datagrams {
public:
    explicit datagrams_to_server(udp_socket_ptr socket) noexcept : socket_(std::move(socket)) {}

    task<result<void>> send(buffer message) override {
        co_return co_await socket_->send(datagram({}, std::move(message)));
    }
    task<result<buffer>> receive() override {
        auto received = co_await socket_->receive();
        if (!received) {
            co_return fail(received.error());
        }
        co_return std::move(received->payload);
    }

private:
    udp_socket_ptr socket_;
};

/// A file of the system's settings; empty if there is none.
std::string text_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// One server of a list; sets `use_tcp` if it is to be asked by TCP.
result<dns_server> parse_server(std::string_view text, bool& use_tcp) {
    constexpr std::string_view usual = "dns://";
    constexpr std::string_view by_tcp = "dns+tcp://";
    std::string_view place = text;
    if (place.starts_with(usual)) {
        place.remove_prefix(usual.size());
    } else if (place.starts_with(by_tcp)) {
        place.remove_prefix(by_tcp.size());
        use_tcp = true;
    } else {
        return fail(errc::invalid_argument, "resolver '" + std::string(text) +
                                                "': expected system, dns, or a server as in "
                                                "dns://192.0.2.1 or dns+tcp://[2001:db8::53]:53");
    }
    if (const auto whole = ip_endpoint::parse(place); whole && whole->port() != 0) {
        return dns_server{.address = *whole};
    }
    const bool brackets = place.starts_with('[') && place.ends_with(']');
    const std::string_view host = brackets ? place.substr(1, place.size() - 2) : place;
    if (const auto address = ip_address::parse(host)) {
        return dns_server{.address = {*address, dns_port}};
    }
    if (const auto zoned = ipv6_address::parse_zoned(host)) {
        return dns_server{.address = {zoned->address, dns_port}, .zone = std::string(zoned->zone)};
    }
    return fail(errc::invalid_argument, "resolver '" + std::string(text) +
                                            "': expected an address, or an address and a port, "
                                            "behind '//'");
}

result<std::vector<dns_server>> parse_servers(std::string_view text, bool& use_tcp) {
    std::vector<dns_server> servers;
    for (;;) {
        const std::size_t comma = text.find(',');
        auto server = parse_server(text.substr(0, comma), use_tcp);
        if (!server) {
            return fail(server.error());
        }
        servers.push_back(std::move(*server));
        if (comma == std::string_view::npos) {
            break;
        }
        text.remove_prefix(comma + 1);
    }
    if (servers.size() > resolv_conf::most_servers) {
        return fail(errc::invalid_argument,
                    "resolver: at most " + std::to_string(resolv_conf::most_servers) + " servers");
    }
    return servers;
}

} // namespace

task<result<std::unique_ptr<dns_datagrams>>> dns_sockets::open_datagrams(dns_server server) {
    const auto address = address_of(server);
    if (!address) {
        co_return fail(address.error());
    }
    constexpr udp_options options{.receive_joined = false};
    auto socket = udp_socket::connect(*address, options);
    if (!socket) {
        co_return fail(socket.error());
    }
    co_return std::make_unique<datagrams_to_server>(std::move(*socket));
}

task<result<flow_ptr>> dns_sockets::open_stream(dns_server server) {
    const auto address = address_of(server);
    if (!address) {
        co_return fail(address.error());
    }
    auto opened = co_await host::connect(*address);
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return flow_ptr(std::move(*opened));
}

name_server_resolver::name_server_resolver(dns_options options, hosts_table hosts)
    : options_(std::move(options)), hosts_(std::move(hosts)) {}

name_server_resolver::~name_server_resolver() = default;

std::shared_ptr<dns_resolver> name_server_resolver::of_this_loop() {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<dns_resolver>& mine = by_loop_[&loop::current()];
    if (mine == nullptr) {
        mine = std::make_shared<dns_resolver>(network_, options_, hosts_);
    }
    return mine;
}

task<result<std::vector<ip_address>>> name_server_resolver::resolve(std::string name,
                                                                    ip_family family) {
    const std::shared_ptr<dns_resolver> mine = of_this_loop();
    co_return co_await mine->resolve(std::move(name), family);
}

result<std::unique_ptr<resolver>> make_resolver(std::string_view text) {
    if (text == "system") {
        return std::make_unique<system_resolver>();
    }
    dns_options options;
    options.conf = resolv_conf::parse(text_of("/etc/resolv.conf"));
    if (text != "dns") {
        bool use_tcp = false;
        auto servers = parse_servers(text, use_tcp);
        if (!servers) {
            return fail(servers.error());
        }
        options.conf.servers = std::move(*servers);
        options.conf.use_tcp = use_tcp;
    }
    return std::make_unique<name_server_resolver>(std::move(options),
                                                  hosts_table::parse(text_of("/etc/hosts")));
}

} // namespace runnel::inline v0::host
