// SPDX-License-Identifier: Apache-2.0
#include "frame_queue.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <vector>

namespace runnel::inline v0::stack {
namespace {

/// How long an address is believed to be where it was (IEEE 802.1Q 8.8.3).
constexpr duration address_lifetime = std::chrono::seconds(300);

} // namespace

/// What the ports share.
class memory_switch::hub {
public:
    void plug(port& added) { ports_.push_back(&added); }
    void unplug(port& gone) noexcept;
    void forward(port& from, frame_ptr one, time_point now);
    [[nodiscard]] const std::vector<port*>& ports() const noexcept { return ports_; }

private:
    struct place {
        port* where;
        time_point until;
    };
    void learn(port& from, mac_address source, time_point now);

    std::vector<port*> ports_;
    std::unordered_map<mac_address, place> addresses_;
};

class memory_switch::port final : public link {
public:
    port(std::shared_ptr<hub> to, const memory_link_options& options, mac_address mac)
        : hub_(std::move(to)),
          properties_{link_medium::ethernet, mac, options.mtu, options.capabilities},
          queue_(options.queue_limit) {
        hub_->plug(*this);
    }
    ~port() override { hub_->unplug(*this); }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }

    bool send(frame_list burst, time_point now) override {
        while (!burst.empty()) {
            frame_ptr one = burst.pop_front();
            if (!fits_mtu(*one, properties_)) {
                ++statistics_.frames_lost;
                continue;
            }
            count_sent(*one);
            hub_->forward(*this, std::move(one), now);
        }
        return true;
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list burst = queue_.take(limit);
        burst.for_each([&](frame& one) {
            one.arrived = now;
            count_received(one);
        });
        return burst;
    }

    /// What comes out of the switch here.
    void deliver(frame_ptr one) {
        const bool was_empty = queue_.empty();
        frame_list pieces;
        adapt(std::move(one), properties_.capabilities, pieces);
        while (!pieces.empty()) {
            frame_ptr piece = pieces.pop_front();
            if (!fits_mtu(*piece, properties_) || !queue_.push(piece)) {
                ++statistics_.frames_lost;
            }
        }
        if (was_empty && !queue_.empty()) {
            tell_ready();
        }
    }

private:
    std::shared_ptr<hub> hub_;
    link_properties properties_;
    frame_queue queue_;
};

void memory_switch::hub::unplug(port& gone) noexcept {
    std::erase(ports_, &gone);
    std::erase_if(addresses_, [&](const auto& entry) { return entry.second.where == &gone; });
}

void memory_switch::hub::learn(port& from, mac_address source, time_point now) {
    if (source.is_multicast() || source.is_unspecified()) {
        return;
    }
    const time_point until = now + address_lifetime;
    if (const auto known = addresses_.find(source); known != addresses_.end()) {
        known->second = {&from, until};
    } else if (addresses_.size() < max_addresses) {
        addresses_.emplace(source, place{&from, until});
    }
}

void memory_switch::hub::forward(port& from, frame_ptr one, time_point now) {
    const std::span<const std::byte> header = one->front(14);
    if (header.empty()) {
        return;
    }
    const mac_address destination(header.first<6>());
    learn(from, mac_address(header.subspan<6, 6>()), now);
    const auto known = addresses_.find(destination);
    if (known != addresses_.end() && known->second.until > now) {
        if (known->second.where != &from) {
            known->second.where->deliver(std::move(one));
        }
        return;
    }
    if (known != addresses_.end()) {
        addresses_.erase(known);
    }
    for (port* const to : ports_) {
        if (to != &from) {
            to->deliver(one->clone());
        }
    }
}

memory_switch::memory_switch() : hub_(std::make_shared<hub>()) {}
memory_switch::~memory_switch() = default;

std::unique_ptr<link> memory_switch::add_port(const memory_link_options& options, mac_address mac) {
    check(options.medium == link_medium::ethernet, "a switch carries Ethernet");
    return std::make_unique<port>(hub_, options, mac);
}

std::size_t memory_switch::ports() const noexcept {
    return hub_->ports().size();
}

} // namespace runnel::inline v0::stack
