// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/network_counters.hpp"

namespace runnel::inline v0::stack {

std::string_view name(network_drop reason) noexcept {
    switch (reason) {
    case network_drop::truncated:
        return "truncated";
    case network_drop::unknown_frame:
        return "unknown_frame";
    case network_drop::other_machine:
        return "other_machine";
    case network_drop::bad_header:
        return "bad_header";
    case network_drop::bad_ip_checksum:
        return "bad_ip_checksum";
    case network_drop::bad_transport_checksum:
        return "bad_transport_checksum";
    case network_drop::bad_source:
        return "bad_source";
    case network_drop::not_ours:
        return "not_ours";
    case network_drop::unknown_protocol:
        return "unknown_protocol";
    case network_drop::no_socket:
        return "no_socket";
    case network_drop::socket_full:
        return "socket_full";
    case network_drop::bad_fragment:
        return "bad_fragment";
    case network_drop::reassembly_given_up:
        return "reassembly_given_up";
    case network_drop::bad_arp:
        return "bad_arp";
    case network_drop::bad_icmp:
        return "bad_icmp";
    case network_drop::stray_icmp:
        return "stray_icmp";
    case network_drop::bad_neighbour_message:
        return "bad_neighbour_message";
    case network_drop::bad_group_message:
        return "bad_group_message";
    case network_drop::no_route:
        return "no_route";
    case network_drop::no_neighbour:
        return "no_neighbour";
    case network_drop::neighbour_queue_full:
        return "neighbour_queue_full";
    case network_drop::too_big:
        return "too_big";
    case network_drop::link_full:
        return "link_full";
    }
    return "unknown";
}

} // namespace runnel::inline v0::stack
