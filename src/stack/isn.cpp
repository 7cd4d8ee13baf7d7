// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/isn.hpp"

namespace runnel::inline v0::stack {

namespace {

// Uses of one secret that must not tell anything about each other.
enum class purpose : std::uint64_t { number = 1, timestamp, port_start, port_counter };

siphash_key key_for(const siphash_key& secret, purpose what) noexcept {
    return {secret.first, secret.second ^ static_cast<std::uint64_t>(what)};
}

} // namespace

sequence isn_source::first(const tcp_key& key, time_point now) const noexcept {
    const auto ticks = static_cast<std::uint64_t>(now.time_since_epoch().count()) / 64;
    const std::uint64_t hash = key.hash(key_for(secret_, purpose::number));
    return sequence(static_cast<std::uint32_t>(hash + ticks));
}

std::uint32_t isn_source::timestamp_offset(const tcp_key& key) const noexcept {
    return static_cast<std::uint32_t>(key.hash(key_for(secret_, purpose::timestamp)));
}

std::size_t isn_source::counter_of(const tcp_key& key) const noexcept {
    return key.hash(key_for(secret_, purpose::port_counter)) % counters;
}

std::uint32_t isn_source::begin_ports(tcp_key& key) const noexcept {
    key.local_port = 0;
    const std::uint64_t hash = key.hash(key_for(secret_, purpose::port_start));
    return static_cast<std::uint32_t>(hash >> 33U) + ports_[counter_of(key)];
}

void isn_source::advance_ports(const tcp_key& key, std::uint32_t by) noexcept {
    ports_[counter_of(key)] += by;
}

} // namespace runnel::inline v0::stack
