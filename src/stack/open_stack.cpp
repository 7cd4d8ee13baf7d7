// SPDX-License-Identifier: Apache-2.0
#include "link/device.hpp"
#include "link/link_wrapper.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/link/capture_file.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/link/packet_link.hpp"
#include "runnel/stack/link/qemu_link.hpp"
#include "runnel/stack/link/tap_link.hpp"
#include "runnel/stack/stack_definition.hpp"
#include "runnel/stack/stack_status.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

/// A line of limited rate queues what it sends in this part of a second, and some packets anyway.
constexpr std::uint64_t queues_per_second = 10;
constexpr std::uint64_t least_queue = std::uint64_t{64} * 1024;

/// The switch of a name, which lives as long as a stack of this thread is plugged into it.
std::shared_ptr<memory_switch> find_switch(const std::string& name) {
    static thread_local std::map<std::string, std::weak_ptr<memory_switch>, std::less<>> all;
    std::shared_ptr<memory_switch> found = all[name].lock();
    if (found == nullptr) {
        found = std::make_shared<memory_switch>();
        all[name] = found;
    }
    return found;
}

/// A port of a switch that keeps it alive.
class switch_port final : public link_wrapper<> {
public:
    switch_port(std::shared_ptr<memory_switch> hub, std::unique_ptr<link> port)
        : hub_(std::move(hub)), port_(std::move(port)) {}

private:
    [[nodiscard]] link& inner() noexcept override { return *port_; }
    [[nodiscard]] const link& inner() const noexcept override { return *port_; }

    std::shared_ptr<memory_switch> hub_;
    std::unique_ptr<link> port_;
};

/// A port of the switch of a name.
std::unique_ptr<link> plug_in(const stack_definition& what) {
    std::shared_ptr<memory_switch> hub = find_switch(what.device);
    memory_link_options how;
    how.mtu = what.mtu.value_or(how.mtu);
    how.capabilities = link_capabilities::all();
    auto port = hub->add_port(how, random_mac());
    return std::make_unique<switch_port>(std::move(hub), std::move(port));
}

result<std::unique_ptr<link>> open_device(const stack_definition& what) {
    tap_options how;
    how.name = what.device;
    how.tun = what.kind == stack_definition::link_kind::tun;
    how.offload = what.offload;
    how.multi_queue = what.multi_queue;
    auto opened = open_tap(loop::current(), how);
    if (!opened) {
        return fail(opened.error());
    }
    return std::move(opened->device);
}

result<std::unique_ptr<link>> open_machine(const stack_definition& what,
                                           qemu_link_options::mode how) {
    qemu_link_options options;
    options.how = how;
    options.path = what.device;
    options.peer = what.peer;
    options.mtu = what.mtu.value_or(options.mtu);
    return open_qemu_link(loop::current(), options);
}

result<void> set_up(ip_stack& stack, std::uint32_t interface, const stack_definition& what) {
    for (const ip_prefix& one : what.addresses) {
        if (const auto added = stack.net().add_address(interface, one, stack.now()); !added) {
            return fail(added.error().wrap("address " + one.to_string()));
        }
    }
    for (const ip_address& gateway : what.gateways) {
        route all;
        all.destination = ip_prefix(ip_address::any(gateway.family()), 0);
        all.gateway = gateway;
        all.interface = interface;
        if (const auto added = stack.net().add_route(all); !added) {
            return fail(added.error().wrap("gateway " + gateway.to_string()));
        }
    }
    for (const ip_address& server : what.name_servers) {
        stack.add_name_server(server);
    }
    if (stack.net().device(interface).properties().medium == link_medium::ethernet) {
        if (const auto started = stack.start_dhcpv6(interface); !started) {
            return fail(started.error());
        }
    }
    if (what.dhcp) {
        if (const auto started = stack.start_dhcp(interface); !started) {
            return fail(started.error().wrap("dhcp"));
        }
    }
    stack.arm();
    return {};
}

/// The link as it is described: with its faults, and captured. `captured` is where it then is.
result<std::unique_ptr<link>> prepare_link(const stack_definition& what, captured_link*& captured) {
    auto device = open_link(what);
    if (!device) {
        return device;
    }
    if (what.loss > 0 || what.delay > duration::zero() || what.rate > 0) {
        link_faults faults;
        faults.loss = what.loss;
        faults.delay = what.delay;
        faults.rate = what.rate;
        faults.queue_limit = std::max(what.rate / 8 / queues_per_second, least_queue);
        *device = fault_link::make(std::move(*device), faults, {}, secure_random_number());
    }
    if (!what.capture.empty()) {
        auto file = capture_file::open(what.capture);
        if (!file) {
            return fail(file.error());
        }
        auto seen = capture_file::capture(std::move(*file), std::move(*device), what.name, true);
        captured = seen.get();
        *device = std::move(seen);
    }
    return device;
}

} // namespace

result<std::unique_ptr<link>> open_link(const stack_definition& what) {
    using enum stack_definition::link_kind;
    switch (what.kind) {
    case tap:
    case tun:
        return open_device(what);
    case packet: {
        packet_options how;
        how.interface = what.device;
        how.overhear = what.overhear;
        how.offload = what.offload;
        return open_packet(loop::current(), how);
    }
    case qemu:
        return open_machine(what, qemu_link_options::mode::listen);
    case qemu_connect:
        return open_machine(what, qemu_link_options::mode::connect);
    case qemu_datagram:
        return open_machine(what, qemu_link_options::mode::datagram);
    case memory:
        return plug_in(what);
    }
    return fail(errc::invalid_argument);
}

result<std::unique_ptr<ip_stack>> open_stack(const stack_definition& what) {
    captured_link* captured = nullptr;
    auto device = prepare_link(what, captured);
    if (!device) {
        return fail(device.error().wrap("stack '" + what.name + "'"));
    }
    ip_stack::options how;
    how.tcp.config.congestion = what.congestion;
    how.network.merge = captured == nullptr; // so that it is known what each packet led to
    auto made = std::make_unique<ip_stack>(how);
    interface_options options;
    options.name = what.device;
    options.mtu = what.mtu.value_or(0);
    const std::uint32_t interface =
        made->net().add_interface(std::move(*device), options, made->now());
    if (captured != nullptr) {
        made->explain(interface, *captured);
    }
    if (const auto good = set_up(*made, interface, what); !good) {
        return fail(good.error().wrap("stack '" + what.name + "'"));
    }
    if (!what.status.empty()) {
        if (const auto good = offer_status(*made, what.name, what.status); !good) {
            return fail(good.error().wrap("stack '" + what.name + "'"));
        }
    }
    return made;
}

} // namespace runnel::inline v0::stack
