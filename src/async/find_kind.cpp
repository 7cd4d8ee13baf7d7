// SPDX-License-Identifier: Apache-2.0
#include "find_kind.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace runnel::inline v0 {
namespace {

bool query(int fd, int option, int& value, std::uint64_t& calls) noexcept {
    socklen_t size = sizeof value;
    ++calls;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0;
}

} // namespace

descriptor_kind find_kind(int fd, std::uint64_t& calls) noexcept {
    int type = 0;
    int protocol = 0;
    if (!query(fd, SO_TYPE, type, calls)) {
        return descriptor_kind::other;
    }
    if (type != SOCK_STREAM) {
        return descriptor_kind::datagram;
    }
    return query(fd, SO_PROTOCOL, protocol, calls) && protocol == IPPROTO_TCP
               ? descriptor_kind::tcp
               : descriptor_kind::stream;
}

} // namespace runnel::inline v0
