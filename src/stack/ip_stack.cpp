// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip_stack.hpp"

#include "dhcp_driver.hpp"
#include "dhcpv6_driver.hpp"
#include "drop_watch.hpp"

#include <algorithm>
#include <string>

namespace runnel::inline v0::stack {

namespace {

/// The link says how much a segment carries, and nothing else does.
tcp_layer::options for_any_link(tcp_layer::options how) {
    const tcp_config standard;
    if (how.config.max_segment_size == standard.max_segment_size) {
        how.config.max_segment_size = 65'495; // of an IP packet of 65,535 bytes
    }
    return how;
}

} // namespace

ip_stack::ip_stack(const options& how)
    : network_(how.network, loop::current().now()),
      layer_(network_, for_any_link(how.tcp), siphash_key::generate(), loop::current().now()),
      driver_(layer_),
      pump_(*this, [](timer& self) noexcept { static_cast<wakeup&>(self).stack.pump(); }),
      timer_(*this, [](timer& self) noexcept {
          ip_stack& stack = static_cast<wakeup&>(self).stack;
          stack.network_.on_timer(stack.now());
          stack.pump();
      }) {
    network_.set_tcp(&layer_);
    driver_.on_use([](void* self) noexcept { static_cast<ip_stack*>(self)->arm(); }, this);
    network_.on_ready(
        [](void* self) noexcept {
            auto& stack = *static_cast<ip_stack*>(self);
            if (!stack.pump_.armed()) {
                stack.driver_.owner().arm(stack.pump_, stack.now());
            }
        },
        this);
    network_.on_change(
        [](void* self) noexcept {
            auto& stack = *static_cast<ip_stack*>(self);
            stack.announce_change();
            for (const auto& each : stack.dhcp_) {
                each->wake();
            }
            for (const auto& each : stack.dhcpv6_) {
                each->wake();
            }
        },
        this);
}

ip_stack::~ip_stack() {
    kept_.clear();
    network_.on_change(nullptr, nullptr);
    layer_.disconnect(now());
    network_.on_ready(nullptr, nullptr);
    network_.set_tcp(nullptr);
}

void ip_stack::arm() noexcept {
    const time_point due = network_.deadline();
    if (due != never && (!timer_.armed() || due < timer_.deadline())) {
        driver_.owner().arm(timer_, due);
    }
}

void ip_stack::explain(std::uint32_t interface, captured_link& link) {
    drops_ = std::make_unique<drop_watch>();
    captured_.emplace_back(interface, &link);
    network_.on_frame(
        [](void* self, std::uint32_t number) {
            auto& stack = *static_cast<ip_stack*>(self);
            const std::string reasons =
                stack.drops_->next(stack.network_.counters(), stack.layer_.counters());
            for (const auto& [place, seen] : stack.captured_) {
                if (place == number) {
                    seen->explain(reasons);
                }
            }
        },
        this);
}

result<void> ip_stack::start_dhcp(std::uint32_t interface) {
    if (interface >= network_.interfaces() ||
        network_.device(interface).properties().medium != link_medium::ethernet ||
        dhcp(interface) != nullptr) {
        return fail(errc::invalid_argument, "DHCP is for an interface of Ethernet, once");
    }
    auto driver = std::make_unique<dhcp_driver>(*this, interface,
                                                network_.device(interface).properties().mac);
    if (auto started = driver->start(); !started) {
        return started;
    }
    dhcp_.push_back(std::move(driver));
    return {};
}

result<void> ip_stack::start_dhcpv6(std::uint32_t interface) {
    if (interface >= network_.interfaces() ||
        network_.device(interface).properties().medium != link_medium::ethernet) {
        return fail(errc::invalid_argument, "DHCPv6 is for an interface of Ethernet");
    }
    dhcpv6_.push_back(std::make_unique<dhcpv6_driver>(*this, interface,
                                                      network_.device(interface).properties().mac));
    return {};
}

void ip_stack::release_dhcp(std::uint32_t interface) {
    for (const auto& each : dhcp_) {
        if (each->interface() == interface) {
            each->release();
        }
    }
}

const dhcp_client* ip_stack::dhcp(std::uint32_t interface) const noexcept {
    const auto found =
        std::ranges::find_if(dhcp_, [&](const auto& one) { return one->interface() == interface; });
    return found != dhcp_.end() ? &(*found)->client() : nullptr;
}

bool ip_stack::is_settled() const {
    const std::vector<address_info> addresses = network_.addresses();
    const bool checking = std::ranges::any_of(addresses, [](const address_info& one) {
        return one.state == address_state::tentative && !one.automatic;
    });
    return !checking && std::ranges::all_of(dhcp_, [](const auto& one) {
        return one->client().lease().has_value();
    });
}

task<result<void>> ip_stack::settled() {
    while (!is_settled()) {
        changed_.reset();
        const result<void> waited = co_await changed_.wait();
        if (!waited) {
            co_return fail(waited.error());
        }
    }
    co_return result<void>();
}

std::vector<ip_address> ip_stack::name_servers() const {
    std::vector<ip_address> told = name_servers_;
    for (const auto& each : dhcp_) {
        if (const auto& lease = each->client().lease()) {
            told.insert(told.end(), lease->name_servers.begin(), lease->name_servers.end());
        }
    }
    for (const auto& each : dhcpv6_) {
        const auto& servers = each->client().name_servers();
        told.insert(told.end(), servers.begin(), servers.end());
    }
    const std::vector<ip_address> advertised = network_.advertised_name_servers();
    told.insert(told.end(), advertised.begin(), advertised.end());
    std::vector<ip_address> all;
    for (const ip_address& one : told) {
        if (std::ranges::find(all, one) == all.end()) {
            all.push_back(one);
        }
    }
    return all;
}

void ip_stack::pump() noexcept {
    if (network_.pump(now())) {
        driver_.owner().arm(pump_, now());
    }
    driver_.arm();
}

} // namespace runnel::inline v0::stack
