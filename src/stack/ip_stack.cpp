// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip_stack.hpp"

#include "drop_watch.hpp"

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
}

ip_stack::~ip_stack() {
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

void ip_stack::pump() noexcept {
    if (network_.pump(now())) {
        driver_.owner().arm(pump_, now());
    }
    driver_.arm();
}

} // namespace runnel::inline v0::stack
