// SPDX-License-Identifier: Apache-2.0
#include "socket_address.hpp"

#include <cstring>

#include <arpa/inet.h>

namespace runnel::inline v0::host {

socket_address::socket_address(const ip_endpoint& place) noexcept {
    if (place.address().is_v4()) {
        storage_.v4.sin_family = AF_INET;
        storage_.v4.sin_port = htons(place.port());
        storage_.v4.sin_addr.s_addr = htonl(place.address().v4().number());
        size_ = sizeof storage_.v4;
    } else {
        const ipv6_address& address = place.address().v6();
        storage_.v6.sin6_family = AF_INET6;
        storage_.v6.sin6_port = htons(place.port());
        storage_.v6.sin6_scope_id = address.scope();
        std::memcpy(&storage_.v6.sin6_addr, address.bytes().data(), ipv6_address::byte_count);
        size_ = sizeof storage_.v6;
    }
}

socket_address::socket_address(const sockaddr_un& place, socklen_t size) noexcept : size_(size) {
    storage_.local = place;
}

std::optional<ip_endpoint> socket_address::ip() const noexcept {
    if (family() == AF_INET) {
        const ipv4_address address(ntohl(storage_.v4.sin_addr.s_addr));
        return ip_endpoint(address, ntohs(storage_.v4.sin_port));
    }
    if (family() == AF_INET6) {
        ipv6_address::byte_array bytes;
        std::memcpy(bytes.data(), &storage_.v6.sin6_addr, bytes.size());
        const ip_address address = ipv6_address(bytes, storage_.v6.sin6_scope_id);
        return ip_endpoint(address.unmapped(), ntohs(storage_.v6.sin6_port));
    }
    return std::nullopt;
}

std::optional<socket_address> socket_address::of_socket(int fd) noexcept {
    socket_address found;
    if (::getsockname(fd, found.data(), found.size_out()) != 0) {
        return std::nullopt;
    }
    return found;
}

std::optional<socket_address> socket_address::of_peer(int fd) noexcept {
    socket_address found;
    if (::getpeername(fd, found.data(), found.size_out()) != 0) {
        return std::nullopt;
    }
    return found;
}

} // namespace runnel::inline v0::host
