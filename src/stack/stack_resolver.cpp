// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_resolver.hpp"

#include "runnel/stack/tcp_flow.hpp"
#include "runnel/stack/udp_channel.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {
namespace {

constexpr std::uint16_t dns_port = 53;

class datagrams_over_stack final : public dns_datagrams {
public:
    explicit datagrams_over_stack(std::unique_ptr<udp_channel> channel) noexcept
        : channel_(std::move(channel)) {}

    task<result<void>> send(buffer message) override {
        result<void> sent = channel_->send(std::move(message));
        co_return sent;
    }
    task<result<buffer>> receive() override {
        auto received = co_await channel_->receive();
        if (!received) {
            co_return fail(received.error());
        }
        co_return std::move(received->payload);
    }

private:
    std::unique_ptr<udp_channel> channel_;
};

} // namespace

task<result<std::unique_ptr<dns_datagrams>>>
stack_dns_transport::open_datagrams(dns_server server) {
    const ip_address here = ip_address::any(server.address.family());
    udp_options options;
    options.queue = 16;
    auto channel = udp_channel::open(*stack_, {here, 0}, options);
    if (!channel) {
        co_return fail(channel.error());
    }
    if (const auto connected = (*channel)->connect(server.address); !connected) {
        co_return fail(connected.error());
    }
    co_return std::make_unique<datagrams_over_stack>(std::move(*channel));
}

task<result<flow_ptr>> stack_dns_transport::open_stream(dns_server server) {
    auto opened = co_await stack::connect(stack_->tcp(), server.address);
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return flow_ptr(*std::move(opened));
}

stack_resolver::stack_resolver(ip_stack& over) noexcept : stack_(&over), network_(over) {}

stack_resolver::~stack_resolver() = default;

std::shared_ptr<dns_resolver> stack_resolver::by_current_servers() {
    std::vector<ip_address> servers = stack_->name_servers();
    if (names_ == nullptr || servers != servers_) {
        servers_ = std::move(servers);
        dns_options options;
        options.conf.servers.clear();
        for (const ip_address& one : servers_) {
            if (options.conf.servers.size() < resolv_conf::most_servers) {
                options.conf.servers.push_back({.address = {one, dns_port}});
            }
        }
        names_ = servers_.empty()
                     ? nullptr
                     : std::make_shared<dns_resolver>(network_, std::move(options), hosts_table());
    }
    return names_;
}

task<result<std::vector<ip_address>>> stack_resolver::resolve(std::string name, ip_family family) {
    const std::shared_ptr<dns_resolver> names = by_current_servers();
    if (names == nullptr) {
        co_return fail(errc::not_found, "host " + name + ": the stack knows no name server");
    }
    co_return co_await names->resolve(std::move(name), family);
}

} // namespace runnel::inline v0::stack
