// SPDX-License-Identifier: Apache-2.0
#include "tcp_merger.hpp"

#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

constexpr std::byte flag_psh{0x08};
constexpr std::byte flag_ack{0x10};

} // namespace

void tcp_merger::add(const ip_header& ip, frame_ptr packet, std::size_t header_size,
                     tcp_upper& upper, time_point now) {
    const std::byte* const tcp = packet->front(header_size).data();
    const bool pushed = (tcp[13] & flag_psh) != std::byte{0};
    const bool mergeable = (tcp[13] & ~flag_psh) == flag_ack && packet->size() > header_size;
    for (std::size_t i = 0; i < used_; ++i) {
        entry& one = entries_[order_[i]];
        if (!same_flow(one, ip, tcp)) {
            continue;
        }
        if (!mergeable || !continues(one, ip, tcp, header_size, packet->slices().size()) ||
            one.bytes + packet->size() > max_bytes) {
            hand_up(i, upper, now);
            break;
        }
        const std::size_t payload = packet->size() - header_size;
        packet->remove_prefix(header_size);
        one.next += static_cast<std::uint32_t>(payload);
        one.bytes += payload;
        take_slices(one, *packet);
        ++merged_;
        if (pushed) {
            one.packet.last_control = tcp_control::push;
            hand_up(i, upper, now);
        }
        return;
    }
    if (used_ == flows) {
        hand_up(0, upper, now);
    }
    // Entries in use and not in use share one array: the first free one is not in the order.
    std::array<bool, flows> taken{};
    for (std::size_t i = 0; i < used_; ++i) {
        taken[order_[i]] = true;
    }
    const auto free = std::ranges::find(taken, false) - taken.begin();
    order_[used_++] = static_cast<std::uint8_t>(free);
    entry& fresh = entries_[static_cast<std::size_t>(free)];
    begin(fresh, ip, *packet, header_size);
    fresh.packet.last_control = pushed ? tcp_control::push : tcp_control::none;
    if (!mergeable || pushed) {
        hand_up(used_ - 1, upper, now);
    }
}

std::uint64_t tcp_merger::flush(tcp_upper& upper, time_point now) {
    while (used_ > 0) {
        hand_up(0, upper, now);
    }
    return std::exchange(merged_, 0);
}

bool tcp_merger::same_flow(const entry& one, const ip_header& ip, const std::byte* tcp) noexcept {
    return std::memcmp(one.header.data(), tcp, 4) == 0 && one.packet.source == ip.source &&
           one.packet.destination == ip.destination;
}

bool tcp_merger::continues(const entry& one, const ip_header& ip, const std::byte* tcp,
                           std::size_t header_size, std::size_t slices) noexcept {
    const std::byte* const first = one.header.data();
    return load_be32(tcp + 4) == one.next && header_size == one.header_size &&
           std::memcmp(first + 8, tcp + 8, 5) == 0 && // acknowledgment and data offset
           (first[13] | flag_psh) == (tcp[13] | flag_psh) &&
           std::memcmp(first + 14, tcp + 14, 2) == 0 && // window
           std::memcmp(first + 20, tcp + 20, header_size - 20) == 0 &&
           one.traffic_class == ip.traffic_class && one.slices + slices + 1 <= max_slices;
}

void tcp_merger::begin(entry& one, const ip_header& ip, frame& packet, std::size_t header_size) {
    const std::byte* const tcp = packet.front(header_size).data();
    std::memcpy(one.header.data(), tcp, header_size);
    one.header_size = header_size;
    one.bytes = packet.size() - header_size;
    one.next = load_be32(tcp + 4) + static_cast<std::uint32_t>(one.bytes);
    one.traffic_class = ip.traffic_class;
    one.slices = 0;
    one.packet.source = ip.source;
    one.packet.destination = ip.destination;
    one.packet.congestion_marked = ip.congestion_marked();
    one.packet.checksum_verified = true;
    if (packet.head().empty() && packet.slices().size() == 1) {
        one.packet.bytes = packet.take_bytes();
        return;
    }
    one.packet.bytes = buffer::copy_of({tcp, header_size});
    packet.remove_prefix(header_size);
    take_slices(one, packet);
}

void tcp_merger::take_slices(entry& one, frame& packet) {
    const auto take = [&](buffer slice) {
        if (one.slices == 0 || !one.more[one.slices - 1].join(slice)) {
            one.more[one.slices++] = std::move(slice);
        }
    };
    if (!packet.head().empty()) {
        take(buffer::copy_of(packet.head()));
    }
    for (buffer& slice : packet.slices()) {
        take(std::move(slice));
    }
}

void tcp_merger::hand_up(std::size_t index, tcp_upper& upper, time_point now) {
    entry& one = entries_[order_[index]];
    one.packet.more = std::span(one.more).first(one.slices);
    upper.receive(one.packet, now);
    one.packet.bytes.reset();
    for (std::size_t i = 0; i < one.slices; ++i) {
        one.more[i].reset();
    }
    std::copy(order_.begin() + static_cast<std::ptrdiff_t>(index) + 1,
              order_.begin() + static_cast<std::ptrdiff_t>(used_),
              order_.begin() + static_cast<std::ptrdiff_t>(index));
    --used_;
}

} // namespace runnel::inline v0::stack
