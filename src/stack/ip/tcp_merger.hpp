// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/ip/ip_wire.hpp"
#include "runnel/stack/link/frame.hpp"
#include "runnel/stack/tcp_lower.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::stack {

/// Makes one packet of TCP packets that follow each other in a burst (GRO), so that TCP looks at
/// its tables and sends an acknowledgment once and not forty times.
///
/// Only packets are merged whose headers differ in nothing but sequence number, PSH and checksum.
/// Packets of one connection never overtake each other. Checksums are verified before.
class tcp_merger {
public:
    /// Connections that are merged at the same time; of more the oldest is handed up.
    static constexpr std::size_t flows = 8;
    static constexpr std::size_t max_slices = 64;
    static constexpr std::size_t max_bytes = 256U << 10U;

    /// Takes a packet that begins with its TCP header, of `header_size` bytes. Hands up at once
    /// what cannot wait.
    void add(const ip_header& ip, frame_ptr packet, std::size_t header_size, tcp_upper& upper,
             time_point now);
    /// Hands up all that waits. Gives how many packets there were beyond those handed up.
    std::uint64_t flush(tcp_upper& upper, time_point now);

private:
    struct entry {
        tcp_packet packet;
        std::array<std::byte, 60> header{};
        std::size_t header_size = 0;
        std::uint32_t next = 0;
        std::uint8_t traffic_class = 0;
        std::size_t bytes = 0;
        std::size_t slices = 0;
        std::array<buffer, max_slices> more;
    };

    [[nodiscard]] static bool same_flow(const entry& one, const ip_header& ip,
                                        const std::byte* tcp) noexcept;
    [[nodiscard]] static bool continues(const entry& one, const ip_header& ip, const std::byte* tcp,
                                        std::size_t header_size, std::size_t slices) noexcept;
    static void begin(entry& one, const ip_header& ip, frame& packet, std::size_t header_size);
    static void take_slices(entry& one, frame& packet);
    void hand_up(std::size_t index, tcp_upper& upper, time_point now);

    std::array<entry, flows> entries_;
    std::array<std::uint8_t, flows> order_{}; // of the entries in use, the oldest first
    std::size_t used_ = 0;
    std::uint64_t merged_ = 0;
};

} // namespace runnel::inline v0::stack
