// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/packet_link.hpp"

#include "device.hpp"
#include "vnet_link.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <unistd.h>

namespace runnel::inline v0::stack {
namespace {

/// Frames that came and were not fetched, in bytes; a burst of super-segments is larger than what
/// the system grants by itself.
constexpr int receive_buffer = 4 * 1024 * 1024;

template <class Value>
bool set(int socket, int level, int name, const Value& value) noexcept {
    return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

/// Prepares a socket that receives nothing yet, and then has it receive from one interface.
bool start(int socket, int interface, bool overhear) noexcept {
    const int yes = 1;
    const int ignore = overhear ? 0 : 1;
    packet_mreq all{};
    all.mr_ifindex = interface;
    all.mr_type = PACKET_MR_PROMISC;
    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(ETH_P_ALL);
    place.sll_ifindex = interface;
    if (!set(socket, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)) {
        (void)set(socket, SOL_SOCKET, SO_RCVBUF, receive_buffer);
    }
    return set(socket, SOL_PACKET, PACKET_VNET_HDR, yes) &&
           set(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, ignore) &&
           ::bind(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0 &&
           set(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, all);
}

} // namespace

result<std::unique_ptr<link>> open_packet(loop& on, const packet_options& options) {
    const unsigned number = ::if_nametoindex(options.interface.c_str());
    if (number == 0) {
        return fail(errc::not_found, "there is no interface " + options.interface);
    }
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !start(fd, static_cast<int>(number), options.overhear)) {
        const int problem = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        return fail(error::from_errno(problem, "open the interface " + options.interface));
    }
    link_properties properties;
    properties.mac = options.mac.is_unspecified() ? random_mac() : options.mac;
    properties.mtu = mtu_of(options.interface);
    if (options.offload) {
        properties.capabilities = link_capabilities::all();
        properties.capabilities.segment_udp = false; // older kernels refuse the frame
    }
    auto file = descriptor_watch::create(on, fd, descriptor_kind::datagram);
    if (!file) {
        return fail(file.error());
    }
    return make_vnet_link(std::move(*file), properties);
}

} // namespace runnel::inline v0::stack
