// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/proxy_protocol.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What the files of the PROXY protocol share.
namespace runnel::inline v0::proxy_wire {

/// How version 1 begins.
inline constexpr std::string_view text_start = "PROXY ";

/// How version 2 begins.
inline constexpr std::array<std::byte, 12> signature{
    std::byte{0x0D}, std::byte{0x0A}, std::byte{0x0D}, std::byte{0x0A},
    std::byte{0x00}, std::byte{0x0D}, std::byte{0x0A}, std::byte{0x51},
    std::byte{0x55}, std::byte{0x49}, std::byte{0x54}, std::byte{0x0A}};

/// The signature, version and command, family and transport, and the length of the rest.
inline constexpr std::size_t fixed_size = 16;

/// Types of extensions (section 2.2).
namespace type {
inline constexpr std::uint8_t alpn = 0x01;
inline constexpr std::uint8_t authority = 0x02;
inline constexpr std::uint8_t crc32c = 0x03;
inline constexpr std::uint8_t noop = 0x04;
inline constexpr std::uint8_t unique_id = 0x05;
inline constexpr std::uint8_t tls = 0x20;
inline constexpr std::uint8_t tls_version = 0x21;
inline constexpr std::uint8_t tls_common_name = 0x22;
inline constexpr std::uint8_t tls_cipher = 0x23;
inline constexpr std::uint8_t tls_signature_algorithm = 0x24;
inline constexpr std::uint8_t tls_key_algorithm = 0x25;
inline constexpr std::uint8_t network_namespace = 0x30;
} // namespace type

using parse_result = result<std::optional<parsed_proxy_header>>;

/// `PROXY header: <what>` as a protocol error.
[[nodiscard]] inline std::unexpected<error> bad(std::string_view what) {
    return fail(errc::protocol_error, "PROXY header: " + std::string(what));
}

/// Reads what begins with `text_start`.
[[nodiscard]] parse_result parse_v1(std::span<const std::byte> received);

/// Reads what begins with `signature`.
[[nodiscard]] parse_result parse_v2(std::span<const std::byte> received, std::size_t longest);

/// Reads the extensions that fill all of `header` from `offset` on into `into`.
[[nodiscard]] result<void> read_extensions(std::span<const std::byte> header, std::size_t offset,
                                           proxy_header& into);

/// Appends the extensions of a header, without its checksum.
[[nodiscard]] result<void> write_extensions(std::vector<std::byte>& out,
                                            const proxy_header& header);

} // namespace runnel::inline v0::proxy_wire
