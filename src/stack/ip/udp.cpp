// SPDX-License-Identifier: Apache-2.0
// UDP (RFC 768), and what RFC 1122 4.1 asks of it.
#include "network_core.hpp"
#include "runnel/core/checksum.hpp"
#include "runnel/core/random.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

constexpr std::size_t udp_header_size = 8;
constexpr std::size_t max_payload_v4 = 65'507;
constexpr std::size_t max_payload_v6 = 65'527;
constexpr std::uint16_t lowest_port = 32'768;

bool is_any(const ip_endpoint& at) noexcept {
    return at.address().is_unspecified();
}

} // namespace

udp_socket::udp_socket(network_core& core, const ip_endpoint& local, const udp_options& options)
    : core_(&core), local_(local), options_(options) {}

udp_socket::~udp_socket() {
    while (!groups_.empty()) {
        const membership last = groups_.back();
        leave(last.group, last.interface);
    }
    core_->sockets.remove(*this);
}

result<void> udp_socket::connect(const ip_endpoint& remote) {
    if (remote.family() != local_.family() || remote.port() == 0) {
        return fail(errc::invalid_argument, "a UDP socket is connected to a port of its family");
    }
    if (is_any(local_)) {
        const auto mine = core_->source_for(remote.address());
        if (!mine) {
            return std::unexpected(mine.error());
        }
        local_ = {*mine, local_.port()};
    }
    remote_ = remote;
    return {};
}

result<void> udp_socket::send(buffer payload, time_point now) {
    if (!remote_) {
        return fail(errc::invalid_argument, "the UDP socket is not connected");
    }
    return send_to(*remote_, std::move(payload), now);
}

result<void> udp_socket::send_to(const ip_endpoint& to, buffer payload, time_point now) {
    return send_datagram(local_, to, options_, std::move(payload), now);
}

result<void> udp_socket::send_from(const ip_address& source, const ip_endpoint& to, buffer payload,
                                   time_point now) {
    if (source.family() != local_.family() ||
        (!source.is_unspecified() && !core_->is_ours(source))) {
        return fail(errc::invalid_argument, source.to_string() + " is no address of ours");
    }
    udp_options by_routes = options_;
    if (!to.address().is_multicast() &&
        !(to.address().is_v4() && to.address().v4().is_broadcast())) {
        by_routes.interface.reset();
    }
    return send_datagram({source, local_.port()}, to, by_routes, std::move(payload), now);
}

result<void> udp_socket::send_datagram(const ip_endpoint& from, const ip_endpoint& to,
                                       const udp_options& options, buffer payload, time_point now) {
    if (error_) {
        return fail(*std::exchange(error_, std::nullopt), "send to " + to.to_string());
    }
    const bool v6 = to.address().is_v6();
    if (to.family() != local_.family() || to.port() == 0) {
        return fail(errc::invalid_argument, "a UDP socket sends to a port of its family");
    }
    if (payload.size() > (v6 ? max_payload_v6 : max_payload_v4)) {
        return fail(errc::limit_exceeded,
                    "a datagram of " + std::to_string(payload.size()) + " bytes is too large");
    }
    return core_->send_datagram(from, to, options, std::move(payload), now);
}

result<std::optional<udp_datagram>> udp_socket::receive() {
    if (error_) {
        return runnel::fail(*std::exchange(error_, std::nullopt));
    }
    if (queue_.empty()) {
        return std::nullopt;
    }
    udp_datagram first = queue_.pop_front();
    queued_bytes_ -= first.payload.footprint();
    return first;
}

result<void> udp_socket::join(const ip_address& group, std::uint32_t interface) {
    if (!group.is_multicast() || group.family() != local_.family() ||
        core_->interface(interface) == nullptr) {
        return fail(errc::invalid_argument, group.to_string() + " is no group to be joined");
    }
    if (is_member(group, interface)) {
        return {};
    }
    if (groups_.size() >= max_groups) {
        return fail(errc::limit_exceeded, "a UDP socket is in at most 64 groups");
    }
    if (auto joined = core_->join_group(*core_->interface(interface), group); !joined) {
        return joined;
    }
    if (groups_.empty()) {
        core_->sockets.members_.push_back(this);
    }
    groups_.push_back({group, interface});
    return {};
}

void udp_socket::leave(const ip_address& group, std::uint32_t interface) {
    if (std::erase(groups_, membership{group, interface}) != 0) {
        core_->leave_group(*core_->interface(interface), group);
    }
    if (groups_.empty()) {
        std::erase(core_->sockets.members_, this);
    }
}

bool udp_socket::is_member(const ip_address& group, std::uint32_t interface) const noexcept {
    return std::ranges::find(groups_, membership{group, interface}) != groups_.end();
}

/// How exactly a datagram is for this socket; negative if it is not.
int udp_socket::match(const udp_datagram& datagram) const noexcept {
    if (datagram.destination.family() != local_.family() ||
        (options_.interface && *options_.interface != datagram.interface)) {
        return -1;
    }
    int score = 0;
    if (!is_any(local_)) {
        if (local_.address() != datagram.destination.address() &&
            !datagram.destination.address().is_multicast()) {
            return -1;
        }
        score += 1;
    }
    if (remote_) {
        if (*remote_ != datagram.source) {
            return -1;
        }
        score += 2;
    }
    return score;
}

bool udp_socket::take(udp_datagram&& datagram) {
    // A small datagram in a large block must not count for little.
    if (datagram.payload.footprint() > 2 * datagram.payload.size() + 1024) {
        datagram.payload = buffer::copy_of(datagram.payload.span());
    }
    const std::size_t cost = datagram.payload.footprint();
    if (queue_.size() >= options_.queue || queued_bytes_ + cost > options_.queue_bytes) {
        return false;
    }
    queued_bytes_ += cost;
    queue_.push_back(std::move(datagram));
    if (ready_ != nullptr) {
        ready_(ready_context_);
    }
    return true;
}

void udp_socket::fail_with(errc how) noexcept {
    error_ = how;
    if (ready_ != nullptr) {
        ready_(ready_context_);
    }
}

bool udp_table::is_free(const ip_endpoint& at) const noexcept {
    const auto known = ports_.find(at.port());
    return known == ports_.end() || std::ranges::none_of(known->second, [&](const udp_socket* one) {
               return one->local().family() == at.family() &&
                      (is_any(one->local()) || is_any(at) ||
                       one->local().address() == at.address());
           });
}

result<void> udp_table::add(udp_socket& socket) {
    if (!is_free(socket.local())) {
        return runnel::fail(errc::address_in_use, socket.local().to_string() + " is in use");
    }
    ports_[socket.local().port()].push_back(&socket);
    return {};
}

void udp_table::remove(udp_socket& socket) noexcept {
    std::erase(members_, &socket);
    const auto known = ports_.find(socket.local().port());
    if (known != ports_.end()) {
        std::erase(known->second, &socket);
        if (known->second.empty()) {
            ports_.erase(known);
        }
    }
}

udp_table::outcome udp_table::deliver(udp_datagram&& datagram, bool to_group) {
    const auto known = ports_.find(datagram.destination.port());
    if (known == ports_.end()) {
        return outcome::no_socket;
    }
    udp_socket* best = nullptr;
    int best_score = -1;
    bool any = false;
    for (udp_socket* const one : known->second) {
        const int score = one->match(datagram);
        if (score < 0) {
            continue;
        }
        if (to_group) {
            const ip_address& group = datagram.destination.address();
            if (!group.is_multicast() || one->is_member(group, datagram.interface)) {
                udp_datagram copy = {datagram.source,        datagram.destination,
                                     datagram.interface,     datagram.hop_limit,
                                     datagram.traffic_class, datagram.payload.share(),
                                     datagram.arrived};
                any |= one->take(std::move(copy));
            }
        } else if (score > best_score) {
            best_score = score;
            best = one;
        }
    }
    if (to_group) {
        return any ? outcome::taken : outcome::no_socket;
    }
    if (best == nullptr) {
        return outcome::no_socket;
    }
    return best->take(std::move(datagram)) ? outcome::taken : outcome::full;
}

void udp_table::fail(const ip_endpoint& local, const ip_endpoint& remote, errc how) noexcept {
    const auto known = ports_.find(local.port());
    if (known == ports_.end()) {
        return;
    }
    for (udp_socket* const one : known->second) {
        // Sockets that are not connected cannot say whom an error is about (RFC 1122 4.1.3.3).
        if (one->remote() == remote && one->local() == local) {
            one->fail_with(how);
        }
    }
}

bool udp_table::wants(const ip_address& group, std::uint32_t interface) const noexcept {
    return std::ranges::any_of(
        members_, [&](const udp_socket* one) { return one->is_member(group, interface); });
}

result<std::unique_ptr<udp_socket>> network_core::open_udp(const ip_endpoint& at,
                                                           const udp_options& with) {
    ip_endpoint place = at;
    if (!at.address().is_unspecified() && !is_ours(at.address())) {
        return fail(errc::unreachable, at.address().to_string() + " is no address of ours");
    }
    if (at.port() == 0) { // RFC 6056 3.3.1: at random, then the next that is free
        const std::uint32_t count = 65'536U - lowest_port;
        const auto first = static_cast<std::uint32_t>(secure_random_number() % count);
        std::uint32_t tried = 0;
        do {
            if (tried == count) {
                return fail(errc::limit_exceeded, "there is no free UDP port");
            }
            place =
                at.with_port(static_cast<std::uint16_t>(lowest_port + (first + tried++) % count));
        } while (!sockets.is_free(place));
    }
    auto socket = std::make_unique<udp_socket>(*this, place, with);
    if (auto added = sockets.add(*socket); !added) {
        return std::unexpected(added.error());
    }
    return socket;
}

result<void> network_core::send_datagram(const ip_endpoint& from, const ip_endpoint& to,
                                         const udp_options& with, buffer payload, time_point now) {
    network_interface* const over = with.interface ? interface(*with.interface) : nullptr;
    ip_header header;
    header.source = from.address();
    header.destination = to.address();
    header.protocol = ip_protocol::udp;
    header.hop_limit = to.address().is_multicast() ? with.multicast_hop_limit : with.hop_limit;
    if (header.source.is_unspecified() && over == nullptr) {
        const auto mine = source_for(to.address());
        if (!mine) {
            return std::unexpected(mine.error());
        }
        header.source = *mine;
    }
    const auto length = static_cast<std::uint16_t>(udp_header_size + payload.size());
    frame_ptr one = frame::make();
    std::byte* const udp = one->append(udp_header_size);
    store_be16(udp, from.port());
    store_be16(udp + 2, to.port());
    store_be16(udp + 4, length);
    const checksum sum = to.address().is_v4()
                             ? checksum::pseudo_header(header.source.v4(), header.destination.v4(),
                                                       ip_protocol::udp, length)
                             : checksum::pseudo_header(header.source.v6(), header.destination.v6(),
                                                       ip_protocol::udp, std::uint32_t{length});
    store_be16(udp + 6, sum.sum());
    one->offload.needs_checksum = true;
    one->offload.checksum_offset = 6;
    if (!payload.empty()) {
        one->add(std::move(payload));
    }
    ++counters.datagrams_sent;
    if (!send_packet(header, std::move(one), over, now)) {
        return fail(errc::unreachable, "no route to " + to.address().to_string());
    }
    return {};
}

void network_core::receive_udp(ip_packet& packet, time_point now) {
    ip_header& ip = packet.header;
    const std::size_t ip_size = ip.header_size;
    frame& data = *packet.data;
    const std::span<const std::byte> head = data.front(ip_size + udp_header_size);
    if (head.empty()) {
        drop(network_drop::truncated);
        return;
    }
    const std::byte* const udp = head.data() + ip_size;
    const std::size_t length = load_be16(udp + 4);
    const bool summed = load_be16(udp + 6) != 0;
    if (length < udp_header_size || length > packet.payload_size() ||
        (!summed && ip.source.is_v6())) { // RFC 8200 8.1: IPv6 has always a checksum
        drop(network_drop::bad_header);
        return;
    }
    data.truncate(ip_size + length);
    udp_datagram datagram;
    datagram.source = {ip.source, load_be16(udp)};
    datagram.destination = {ip.destination, load_be16(udp + 2)};
    const bool verified = data.offload.checksum_verified || data.offload.needs_checksum;
    if (summed && !verified && !transport_checksum_valid(data, ip)) {
        drop(network_drop::bad_transport_checksum);
        return;
    }
    if (!sockets.has_port(datagram.destination.port())) {
        drop(network_drop::no_socket);
        send_unreachable_port(packet, now);
        return;
    }
    datagram.interface = packet.in->number;
    datagram.hop_limit = ip.hop_limit;
    datagram.traffic_class = ip.traffic_class;
    datagram.arrived = now;
    data.remove_prefix(ip_size + udp_header_size);
    datagram.payload = data.take_bytes();
    switch (sockets.deliver(std::move(datagram), packet.to_group)) {
    case udp_table::outcome::taken:
        ++counters.datagrams_received;
        return;
    case udp_table::outcome::full:
        drop(network_drop::socket_full);
        return;
    case udp_table::outcome::no_socket:
        drop(network_drop::no_socket);
        return;
    }
}

} // namespace runnel::inline v0::stack
