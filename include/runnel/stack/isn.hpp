// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/siphash.hpp"
#include "runnel/stack/sequence.hpp"
#include "runnel/stack/tcp_key.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace runnel::inline v0::stack {

/// The numbers of new connections that nobody may foresee: initial sequence numbers (RFC 6528),
/// offsets of timestamps (RFC 7323 5.4) and ephemeral ports (RFC 6056).
class isn_source {
public:
    explicit isn_source(const siphash_key& secret) noexcept : secret_(secret) {}

    /// The place of a connection's SYN: a hash of who it is between, plus a clock that ticks every
    /// 64 ns, so that a later incarnation begins behind an earlier one.
    [[nodiscard]] sequence first(const tcp_key& key, time_point now) const noexcept;
    /// What to add to the clock of timestamps; the same for the same key, so that a clock never
    /// goes back for a peer that remembers it (RFC 6191).
    [[nodiscard]] std::uint32_t timestamp_offset(const tcp_key& key) const noexcept;

    static constexpr std::uint16_t lowest_port = 32'768;
    static constexpr std::uint16_t highest_port = 60'999;

    /// A local port for a connection to where `key` leads, whose own port is ignored: the first
    /// from a place that depends on the destination and on how many were asked for before (RFC 6056
    /// 3.3.4), of which `is_free(port)` is true. Nothing when all are taken: each is tried once.
    template <class Predicate>
    [[nodiscard]] std::optional<std::uint16_t> pick_port(tcp_key key, Predicate is_free) {
        constexpr std::uint32_t count = highest_port - lowest_port + 1U;
        const std::uint32_t start = begin_ports(key);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto port = static_cast<std::uint16_t>(lowest_port + (start + i) % count);
            if (is_free(port)) {
                advance_ports(key, i + 1);
                return port;
            }
        }
        return std::nullopt;
    }

private:
    static constexpr std::size_t counters = 64;

    std::uint32_t begin_ports(tcp_key& key) const noexcept;
    void advance_ports(const tcp_key& key, std::uint32_t by) noexcept;
    [[nodiscard]] std::size_t counter_of(const tcp_key& key) const noexcept;

    siphash_key secret_;
    std::array<std::uint32_t, counters> ports_{};
};

} // namespace runnel::inline v0::stack
