// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/timer.hpp"
#include "runnel/stack/tcp_driver.hpp"
#include "runnel/stack/tcp_wire.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <utility>

namespace runnel::stack {

/// One way between two layers: what is sent in a turn of the loop arrives in the next one.
class direct_way final : public tcp_lower, private timer {
public:
    direct_way(ip_address own, std::uint32_t burst, tcp_layer::options how)
        : timer(&deliver), own_(own), burst_(burst),
          layer_(*this, with_any_size(how), siphash_key{burst, 1}, loop::current().now()),
          driver_(layer_) {}

    void join(direct_way& other) { other_ = &other; }
    tcp_driver& driver() { return driver_; }

    [[nodiscard]] result<ip_address> source_for(const ip_address& /*remote*/) const override {
        return own_;
    }
    [[nodiscard]] bool is_ours(const ip_address& address) const noexcept override {
        return address == own_;
    }
    [[nodiscard]] tcp_way way(const ip_address& /*local*/,
                              const ip_address& /*remote*/) const noexcept override {
        return {1500, burst_};
    }
    bool send(const tcp_key& key, tcp_way_hint& /*hint*/, tcp_segment& segment,
              time_point /*now*/) override {
        if (cut) {
            return true;
        }
        if (used_ == on_way_.size()) {
            on_way_.emplace_back();
        }
        packet& one = on_way_[used_++];
        one.from = key.here().address();
        one.to = key.there().address();
        one.control = segment.header.control;
        std::array<std::byte, max_tcp_header_size> head{};
        const std::size_t size = write_tcp(segment.header, head);
        one.header = buffer::allocate(size);
        std::ranges::copy(std::span(head).first(size), one.header.writable().begin());
        one.slices = segment.payload.size();
        std::ranges::move(segment.payload.slices(), one.payload.begin());
        loop::current().arm(*this, loop::current().now());
        return true;
    }
    /// Nothing that is sent arrives any more.
    bool cut = false;

    void flush(time_point /*now*/) override {}
    void accept_any_destination(bool /*on*/) noexcept override {}

private:
    struct packet {
        ip_address from;
        ip_address to;
        buffer header;
        std::array<buffer, tcp_payload::max_slices> payload;
        std::size_t slices = 0;
        tcp_control control = tcp_control::none;
    };

    static tcp_layer::options with_any_size(tcp_layer::options how) {
        how.config.max_segment_size = 65'000; // the way's MTU counts
        return how;
    }

    static void deliver(timer& self) noexcept {
        auto& way = static_cast<direct_way&>(self);
        // What the other side answers comes in the next turn, at the earliest.
        const time_point now = loop::current().now();
        const std::size_t count = std::exchange(way.used_, 0);
        std::swap(way.on_way_, way.arriving_);
        tcp_layer& to = way.other_->layer_;
        for (std::size_t i = 0; i < count; ++i) {
            packet& one = way.arriving_[i];
            tcp_packet arrived;
            arrived.source = one.from;
            arrived.destination = one.to;
            arrived.bytes = std::move(one.header);
            arrived.more = std::span(one.payload).first(one.slices);
            arrived.last_control = one.control;
            arrived.checksum_verified = true;
            to.receive(arrived, now);
        }
        to.end_of_burst(now);
        way.other_->driver_.arm();
    }

    ip_address own_;
    std::uint32_t burst_;
    direct_way* other_ = nullptr;
    std::deque<packet> on_way_; // the first `used_`
    std::deque<packet> arriving_;
    std::size_t used_ = 0;
    tcp_layer layer_;
    tcp_driver driver_;
};

} // namespace runnel::stack
