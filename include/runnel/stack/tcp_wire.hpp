// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/checksum.hpp"
#include "runnel/stack/tcp_counters.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <cstddef>
#include <expected>
#include <span>

namespace runnel::inline v0::stack {

/// A header that was read, and how many bytes of the packet it took; the payload follows.
struct tcp_parsed {
    tcp_header header;
    std::size_t header_size = 0;
};

inline constexpr std::size_t min_tcp_header_size = 20;
inline constexpr std::size_t max_tcp_header_size = 60;

/// Reads the header at the start of `segment` (RFC 9293 3.1). Does not look at the checksum.
///
/// Unknown options are skipped. Refused are: an option whose length is impossible or wrong for its
/// kind, and flags no stack sends: SYN with FIN or RST, FIN with RST, and none of SYN, RST, ACK.
[[nodiscard]] std::expected<tcp_parsed, tcp_drop>
parse_tcp(std::span<const std::byte> segment) noexcept;

/// Whether a segment's checksum is right. `pseudo` is the sum of the pseudo-header, `segment` the
/// header and all of its payload.
[[nodiscard]] bool valid_tcp_checksum(checksum pseudo, std::span<const std::byte> segment) noexcept;

/// Writes `header` and gives the number of bytes it took, a multiple of 4. The checksum is left 0.
/// Of SACK blocks as many are written as there is room for.
std::size_t write_tcp(const tcp_header& header,
                      std::span<std::byte, max_tcp_header_size> out) noexcept;

/// How many bytes `write_tcp` takes.
[[nodiscard]] std::size_t tcp_header_size(const tcp_header& header) noexcept;

/// Fills in the checksum of a header written by `write_tcp`. `pseudo` is the sum of the
/// pseudo-header, `payload` that of the payload.
void set_tcp_checksum(std::span<std::byte> header, checksum pseudo,
                      const checksum& payload) noexcept;

} // namespace runnel::inline v0::stack
