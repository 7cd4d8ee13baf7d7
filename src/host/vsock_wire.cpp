// SPDX-License-Identifier: Apache-2.0
#include "vsock_wire.hpp"

#include "runnel/core/byte_order.hpp"

namespace runnel::inline v0::host {

vsock_header vsock_header::decode(std::span<const std::byte, size> bytes) noexcept {
    const std::byte* const at = bytes.data();
    return {.from_cid = load_le64(at),
            .to_cid = load_le64(at + 8),
            .from_port = load_le32(at + 16),
            .to_port = load_le32(at + 20),
            .length = load_le32(at + 24),
            .type = load_le16(at + 28),
            .operation = static_cast<vsock_operation>(load_le16(at + 30)),
            .flags = load_le32(at + 32),
            .room = load_le32(at + 36),
            .taken = load_le32(at + 40)};
}

std::array<std::byte, vsock_header::size> vsock_header::encode() const noexcept {
    std::array<std::byte, size> bytes{};
    std::byte* const at = bytes.data();
    store_le64(at, from_cid);
    store_le64(at + 8, to_cid);
    store_le32(at + 16, from_port);
    store_le32(at + 20, to_port);
    store_le32(at + 24, length);
    store_le16(at + 28, type);
    store_le16(at + 30, static_cast<std::uint16_t>(operation));
    store_le32(at + 32, flags);
    store_le32(at + 36, room);
    store_le32(at + 40, taken);
    return bytes;
}

} // namespace runnel::inline v0::host
