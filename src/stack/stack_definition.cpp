// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_definition.hpp"

#include "runnel/core/random.hpp"
#include "runnel/flow/quantity.hpp"
#include "runnel/flow/suggest.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/link/tap_link.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

std::unexpected<error> wrong(std::string_view setting, std::string_view expected) {
    return fail(errc::invalid_argument,
                "'" + std::string(setting) + "': expected " + std::string(expected));
}

/// Cuts `text` at the first `mark`: what stands before it, and `text` is then what follows.
std::string_view cut(std::string_view& text, char mark) {
    const std::size_t at = text.find(mark);
    const std::string_view first = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return first;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char one) {
        return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') ||
               (one >= '0' && one <= '9') || one == '-' || one == '_';
    });
}

result<void> read_link(std::string_view text, stack_definition& into) {
    std::string_view device = text;
    const std::string_view kind = cut(device, ':');
    constexpr std::array<std::pair<std::string_view, stack_definition::link_kind>, 3> kinds{
        {{"tap", stack_definition::link_kind::tap},
         {"tun", stack_definition::link_kind::tun},
         {"memory", stack_definition::link_kind::memory}}};
    const auto found = std::ranges::find(kinds, kind, [](const auto& one) { return one.first; });
    if (found == kinds.end() || device.empty() || device.size() > 64) {
        return wrong(text, "a link: tap:DEVICE, tun:DEVICE or memory:NAME");
    }
    into.kind = found->second;
    into.device = device;
    return {};
}

result<double> read_share(std::string_view setting, std::string_view text) {
    const bool percent = text.ends_with('%');
    text.remove_suffix(percent ? 1 : 0);
    double share = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), share);
    share = percent ? share / 100 : share;
    if (problem != std::errc() || end != text.data() + text.size() || !(share >= 0) || share > 1) {
        return wrong(setting, "a share, as 1% or 0.01");
    }
    return share;
}

result<void> read_congestion(std::string_view setting, std::string_view text,
                             stack_definition& into) {
    if (text == "new_reno") {
        into.congestion = congestion_kind::new_reno;
    } else if (text == "cubic") {
        into.congestion = congestion_kind::cubic;
    } else if (text == "bbr") {
        into.congestion = congestion_kind::bbr;
    } else {
        return wrong(setting, "new_reno, cubic or bbr");
    }
    return {};
}

result<void> read_mtu(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto mtu = parse_integer(text);
    if (!mtu || *mtu < 576 || *mtu > 65'535) {
        return wrong(setting, "a number from 576 to 65535");
    }
    into.mtu = static_cast<std::uint32_t>(*mtu);
    return {};
}

result<void> read_setting(std::string_view setting, stack_definition& into) {
    std::string_view value = setting;
    const std::string_view name = cut(value, '=');
    if (name == "address") {
        const auto prefix = ip_prefix::parse(value);
        if (!prefix || value.find('/') == std::string_view::npos) {
            return wrong(setting, "an address with the length of its network, as 10.77.0.2/24");
        }
        into.addresses.push_back(*prefix);
    } else if (name == "gateway") {
        const auto address = ip_address::parse(value);
        if (!address) {
            return wrong(setting, "an address");
        }
        into.gateways.push_back(*address);
    } else if (name == "mtu") {
        return read_mtu(setting, value, into);
    } else if (name == "cc") {
        return read_congestion(setting, value, into);
    } else if (name == "loss") {
        const auto share = read_share(setting, value);
        if (!share) {
            return fail(share.error());
        }
        into.loss = *share;
    } else if (name == "delay") {
        const auto delay = parse_duration(value);
        if (!delay || *delay > std::chrono::minutes(1)) {
            return wrong(setting, "a time of at most a minute, as 20ms");
        }
        into.delay = *delay;
    } else {
        constexpr std::array<std::string_view, 6> known{"address", "gateway", "mtu",
                                                        "cc",      "loss",    "delay"};
        return fail(errc::invalid_argument,
                    "unknown setting '" + std::string(name) + "'" + did_you_mean(name, known));
    }
    return {};
}

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
class switch_port final : public link {
public:
    switch_port(std::shared_ptr<memory_switch> hub, std::unique_ptr<link> port)
        : hub_(std::move(hub)), port_(std::move(port)) {}

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return port_->properties();
    }
    bool send(frame_list burst, time_point now) override {
        return port_->send(std::move(burst), now);
    }
    [[nodiscard]] bool writable() const noexcept override { return port_->writable(); }
    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        return port_->receive(limit, now);
    }
    [[nodiscard]] time_point deadline() const noexcept override { return port_->deadline(); }
    void on_ready(ready_function function, void* context) noexcept override {
        port_->on_ready(function, context);
    }
    [[nodiscard]] const link_statistics& statistics() const noexcept override {
        return port_->statistics();
    }

private:
    std::shared_ptr<memory_switch> hub_;
    std::unique_ptr<link> port_;
};

mac_address random_mac() {
    std::array<std::byte, 6> bytes{};
    secure_random(bytes);
    // Administered locally, and of one station.
    bytes[0] = (bytes[0] | std::byte{2}) & ~std::byte{1};
    return mac_address(bytes);
}

result<std::unique_ptr<link>> open_link(const stack_definition& what) {
    if (what.kind == stack_definition::link_kind::memory) {
        std::shared_ptr<memory_switch> hub = find_switch(what.device);
        memory_link_options how;
        how.mtu = what.mtu.value_or(how.mtu);
        how.capabilities = link_capabilities::all();
        auto port = hub->add_port(how, random_mac());
        return std::make_unique<switch_port>(std::move(hub), std::move(port));
    }
    tap_options how;
    how.name = what.device;
    how.tun = what.kind == stack_definition::link_kind::tun;
    auto opened = open_tap(loop::current(), how);
    if (!opened) {
        return fail(opened.error());
    }
    return std::move(opened->device);
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
    stack.arm();
    return {};
}

} // namespace

result<stack_definition> stack_definition::parse(std::string_view text) {
    stack_definition made;
    std::string_view rest = text;
    const std::string_view name = cut(rest, '=');
    if (!is_name(name)) {
        return wrong(text, "NAME=LINK,SETTINGS, as lan=tap:rn0,address=10.77.0.2/24");
    }
    made.name = name;
    result<void> good = read_link(cut(rest, ','), made);
    while (good && !rest.empty()) {
        good = read_setting(cut(rest, ','), made);
    }
    if (!good) {
        return fail(good.error().wrap("stack '" + made.name + "'"));
    }
    if (made.addresses.empty()) {
        return fail(errc::invalid_argument,
                    "stack '" + made.name + "' has no address, as in address=10.77.0.2/24");
    }
    return made;
}

result<std::unique_ptr<ip_stack>> open_stack(const stack_definition& what) {
    auto device = open_link(what);
    if (!device) {
        return fail(device.error().wrap("stack '" + what.name + "'"));
    }
    if (what.loss > 0 || what.delay > duration::zero()) {
        link_faults faults;
        faults.loss = what.loss;
        faults.delay = what.delay;
        *device = fault_link::make(std::move(*device), faults, {}, secure_random_number());
    }
    ip_stack::options how;
    how.tcp.config.congestion = what.congestion;
    auto made = std::make_unique<ip_stack>(how);
    interface_options options;
    options.name = what.device;
    options.mtu = what.mtu.value_or(0);
    const std::uint32_t interface =
        made->net().add_interface(std::move(*device), options, made->now());
    if (const auto good = set_up(*made, interface, what); !good) {
        return fail(good.error().wrap("stack '" + what.name + "'"));
    }
    return made;
}

} // namespace runnel::inline v0::stack
