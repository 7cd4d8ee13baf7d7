// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0::host {

/// What a packet of virtio-vsock is for (virtio 1.2, section 5.10.6).
enum class vsock_operation : std::uint16_t {
    invalid = 0,
    request = 1,
    response = 2,
    reset = 3,
    shutdown = 4,
    data = 5,
    credit_update = 6,
    credit_request = 7,
};

/// Flags of `shutdown`.
inline constexpr std::uint32_t vsock_reads_no_more = 1;
inline constexpr std::uint32_t vsock_writes_no_more = 2;
inline constexpr std::uint32_t vsock_is_gone = vsock_reads_no_more | vsock_writes_no_more;

/// The header in front of each packet.
struct vsock_header {
    static constexpr std::size_t size = 44;
    static constexpr std::uint16_t stream = 1;

    std::uint64_t from_cid = 0;
    std::uint64_t to_cid = 0;
    std::uint32_t from_port = 0;
    std::uint32_t to_port = 0;
    std::uint32_t length = 0; ///< of what follows
    std::uint16_t type = stream;
    vsock_operation operation = vsock_operation::invalid;
    std::uint32_t flags = 0;
    std::uint32_t room = 0;  ///< bytes that the sender keeps for this connection
    std::uint32_t taken = 0; ///< bytes that it has taken out of there so far, modulo 2^32

    [[nodiscard]] static vsock_header decode(std::span<const std::byte, size> bytes) noexcept;
    [[nodiscard]] std::array<std::byte, size> encode() const noexcept;
};

/// Most bytes of data in one packet, as in Linux.
inline constexpr std::size_t largest_vsock_packet = std::size_t{64} * 1024;

} // namespace runnel::inline v0::host
