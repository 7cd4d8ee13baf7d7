// SPDX-License-Identifier: Apache-2.0
#include "udp_message.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>

namespace runnel::inline v0::host {
namespace {

// Newer than the C library's headers.
constexpr int udp_segment = 103;
constexpr int udp_gro = 104;

template <class T>
std::optional<T> value_of(const cmsghdr& entry) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (entry.cmsg_len < CMSG_LEN(sizeof(T))) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, CMSG_DATA(&entry), sizeof value);
    return value;
}

/// Adds an entry behind those that `header` has; its control length is what they take.
template <class T>
void add(msghdr& header, std::byte* control, int level, int type, const T& value) noexcept {
    auto* entry = reinterpret_cast<cmsghdr*>(control + header.msg_controllen);
    entry->cmsg_level = level;
    entry->cmsg_type = type;
    entry->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(entry), &value, sizeof value);
    header.msg_control = control;
    header.msg_controllen += CMSG_SPACE(sizeof value);
}

void parse_v4(const cmsghdr& entry, datagram& out) noexcept {
    if (entry.cmsg_type == IP_PKTINFO) {
        if (const auto info = value_of<in_pktinfo>(entry)) {
            out.local = ip_address(ipv4_address(ntohl(info->ipi_addr.s_addr)));
        }
    } else if (entry.cmsg_type == IP_TOS) {
        out.traffic_class = value_of<std::uint8_t>(entry).value_or(0);
    }
}

void parse_v6(const cmsghdr& entry, datagram& out) noexcept {
    if (entry.cmsg_type == IPV6_PKTINFO) {
        if (const auto info = value_of<in6_pktinfo>(entry)) {
            ipv6_address::byte_array bytes;
            std::memcpy(bytes.data(), &info->ipi6_addr, bytes.size());
            const ipv6_address address(bytes);
            const std::uint32_t scope = address.is_link_local() ? info->ipi6_ifindex : 0;
            out.local = ip_address(address.with_scope(scope)).unmapped();
        }
    } else if (entry.cmsg_type == IPV6_TCLASS) {
        out.traffic_class = static_cast<std::uint8_t>(value_of<int>(entry).value_or(0));
    }
}

} // namespace

void udp_message::prepare_receive(msghdr& header, std::span<std::byte> room) noexcept {
    peer_ = socket_address();
    data_ = {room.data(), room.size()};
    header = {};
    header.msg_name = peer_.data();
    header.msg_namelen = peer_.size();
    header.msg_iov = &data_;
    header.msg_iovlen = 1;
    header.msg_control = control_.data();
    header.msg_controllen = control_.size();
}

void udp_message::parse(const msghdr& header, datagram& out) const noexcept {
    out.peer = peer_.ip().value_or(ip_endpoint());
    out.local.reset();
    out.segment_size = 0;
    out.traffic_class = 0;
    auto* message = const_cast<msghdr*>(&header); // CMSG_NXTHDR takes no constant
    for (cmsghdr* entry = CMSG_FIRSTHDR(message); entry != nullptr;
         entry = CMSG_NXTHDR(message, entry)) {
        if (entry->cmsg_level == IPPROTO_IP) {
            parse_v4(*entry, out);
        } else if (entry->cmsg_level == IPPROTO_IPV6) {
            parse_v6(*entry, out);
        } else if (entry->cmsg_level == IPPROTO_UDP && entry->cmsg_type == udp_gro) {
            out.segment_size = static_cast<std::uint16_t>(value_of<int>(*entry).value_or(0));
        }
    }
}

void udp_message::prepare_send(msghdr& header, const datagram& what, bool connected,
                               int family) noexcept {
    header = {};
    if (!connected) {
        // A socket of both families takes IPv4 addresses in their mapped form.
        peer_ = socket_address(family == AF_INET6
                                   ? ip_endpoint(what.peer.address().to_v6(), what.peer.port())
                                   : what.peer);
        header.msg_name = peer_.data();
        header.msg_namelen = peer_.size();
    }
    data_ = {const_cast<std::byte*>(what.payload.data()), what.payload.size()};
    header.msg_iov = &data_;
    header.msg_iovlen = 1;
    if (what.segment_size != 0 && what.payload.size() > what.segment_size) {
        add(header, control_.data(), IPPROTO_UDP, udp_segment, what.segment_size);
    }
    if (what.local) {
        if (family == AF_INET6) {
            in6_pktinfo info{};
            const ipv6_address& from = what.local->to_v6();
            std::memcpy(&info.ipi6_addr, from.bytes().data(), ipv6_address::byte_count);
            info.ipi6_ifindex = from.scope();
            add(header, control_.data(), IPPROTO_IPV6, IPV6_PKTINFO, info);
        } else if (what.local->is_v4()) {
            in_pktinfo info{};
            info.ipi_spec_dst.s_addr = htonl(what.local->v4().number());
            add(header, control_.data(), IPPROTO_IP, IP_PKTINFO, info);
        }
    }
}

std::optional<error> take_network_error(int fd) {
    socket_address peer;
    std::array<std::byte, 64>
        payload{}; // the start of the datagram that failed, which nobody needs
    iovec data{payload.data(), payload.size()};
    alignas(cmsghdr) std::array<std::byte, 512> control{};
    msghdr header{};
    header.msg_name = peer.data();
    header.msg_namelen = peer.size();
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (::recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
        return std::nullopt;
    }
    for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr;
         entry = CMSG_NXTHDR(&header, entry)) {
        const bool v4 = entry->cmsg_level == IPPROTO_IP && entry->cmsg_type == IP_RECVERR;
        const bool v6 = entry->cmsg_level == IPPROTO_IPV6 && entry->cmsg_type == IPV6_RECVERR;
        if (const auto report = value_of<sock_extended_err>(*entry); (v4 || v6) && report) {
            const auto to = peer.ip();
            return error::from_errno(static_cast<int>(report->ee_errno),
                                     "udp://" + (to ? to->to_string() : std::string()));
        }
    }
    return std::nullopt;
}

} // namespace runnel::inline v0::host
