// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_endpoint.hpp"

#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace runnel::inline v0::host {

/// An address as the kernel takes and gives it.
class socket_address {
public:
    /// Room for any address, for calls that fill it in.
    socket_address() noexcept : size_(sizeof storage_) {}
    explicit socket_address(const ip_endpoint& place) noexcept;
    explicit socket_address(const sockaddr_un& place, socklen_t size) noexcept;

    [[nodiscard]] const sockaddr* data() const noexcept { return &storage_.any; }
    [[nodiscard]] sockaddr* data() noexcept { return &storage_.any; }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    /// Where a call stores the size.
    [[nodiscard]] socklen_t* size_out() noexcept { return &size_; }
    [[nodiscard]] int family() const noexcept { return storage_.any.sa_family; }

    /// The Internet address and port; an IPv4 address mapped into IPv6 comes out as IPv4.
    [[nodiscard]] std::optional<ip_endpoint> ip() const noexcept;
    /// Requires `family() == AF_UNIX`.
    [[nodiscard]] const sockaddr_un& local() const noexcept { return storage_.local; }

    /// What a descriptor is bound or connected to; nothing where it is not.
    [[nodiscard]] static std::optional<socket_address> of_socket(int fd) noexcept;
    [[nodiscard]] static std::optional<socket_address> of_peer(int fd) noexcept;

private:
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
        sockaddr_un local;
        sockaddr_storage room;
    } storage_{.room = {}};
    socklen_t size_;
};

} // namespace runnel::inline v0::host
