// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_layer.hpp"
#include "tcp_way.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

constexpr std::uint8_t protocol_tcp = 6;

std::size_t size_of(const tcp_packet& packet) noexcept {
    std::size_t size = packet.bytes.size();
    for (const buffer& slice : packet.more) {
        size += slice.size();
    }
    return size;
}

/// Whether the checksum of a packet is right. A merged one has none to verify.
bool checksum_right(const tcp_packet& packet) noexcept {
    if (packet.checksum_verified) {
        return true;
    }
    if (!packet.more.empty() || packet.bytes.size() > 0xffff) {
        return false;
    }
    const auto size = static_cast<std::uint16_t>(packet.bytes.size());
    const checksum pseudo =
        packet.source.is_v4() ? checksum::pseudo_header(packet.source.v4(), packet.destination.v4(),
                                                        protocol_tcp, size)
                              : checksum::pseudo_header(packet.source.v6(), packet.destination.v6(),
                                                        protocol_tcp, size);
    return valid_tcp_checksum(pseudo, packet.bytes.span());
}

} // namespace

bool tcp_layer::read_packet(tcp_packet& packet, tcp_parsed& out) {
    tcp_counters& counters = environment_.counters;
    if (packet.source.family() != packet.destination.family()) {
        counters.drop(tcp_drop::truncated);
        return false;
    }
    if (!checksum_right(packet)) {
        counters.drop(tcp_drop::bad_checksum);
        return false;
    }
    const auto parsed = parse_tcp(packet.bytes.span());
    if (!parsed) {
        counters.drop(parsed.error());
        return false;
    }
    out = *parsed;
    packet.bytes.remove_prefix(out.header_size);
    return true;
}

tcp_entry* tcp_layer::find(const tcp_key& key) noexcept {
    // Packets come in trains: most are for the connection that the one before was for.
    if (latest_ != nullptr && latest_->key_ == key) {
        return latest_;
    }
    const std::uint32_t handle =
        table_.find(key.hash(secret_), [&](std::uint32_t at) { return entries_[at].key_ == key; });
    if (handle == handle_table::none) {
        return nullptr;
    }
    latest_ = &entries_[handle];
    return latest_;
}

void tcp_layer::receive(tcp_packet& packet, time_point now) {
    tcp_parsed parsed;
    if (!read_packet(packet, parsed)) {
        return;
    }
    const tcp_header& header = parsed.header;
    const tcp_key key(ip_endpoint(packet.destination, header.destination_port),
                      ip_endpoint(packet.source, header.source_port));
    if (tcp_entry* const entry = find(key); entry != nullptr) {
        deliver(*entry, packet, header, now);
    } else {
        receive_unknown(key, packet, header, now);
    }
}

void tcp_layer::deliver(tcp_entry& entry, tcp_packet& packet, const tcp_header& header,
                        time_point now) {
    const tcp_arrival how{packet.congestion_marked};
    mark(entry);
    if (packet.more.empty()) {
        entry.engine().receive(header, std::move(packet.bytes), how, now);
        return;
    }
    // Each slice is a segment; what the last one said is not true of the others.
    tcp_header part = header;
    part.control = tcp_control::none;
    std::size_t size = packet.bytes.size();
    if (size > 0) {
        entry.engine().receive(part, std::move(packet.bytes), how, now);
    }
    for (std::size_t i = 0; i < packet.more.size(); ++i) {
        part.number += static_cast<std::uint32_t>(size);
        size = packet.more[i].size();
        if (i + 1 == packet.more.size()) {
            part.control = packet.last_control;
        }
        entry.engine().receive(part, std::move(packet.more[i]), how, now);
    }
}

void tcp_layer::receive_unknown(const tcp_key& key, tcp_packet& packet, const tcp_header& header,
                                time_point now) {
    const auto length = header.length(size_of(packet));
    out_.payload.clear();
    std::optional<sequence> least;
    if (const auto past = time_wait_.receive(key, header, length, out_.header, now)) {
        using verdict = time_wait_entry::verdict;
        if (past->verdict != verdict::reopen) {
            if (past->verdict == verdict::acknowledge) {
                reply(key, now);
            }
            return;
        }
        least = past->next;
    }
    if (tcp_port* const port = find_port(key); port != nullptr) {
        receive_at(*port, key, least, packet, header, now);
        return;
    }
    environment_.counters.drop(tcp_drop::no_connection);
    if (!header.is_reset()) {
        reset(key, header, length, now);
    }
}

void tcp_layer::receive_at(tcp_port& port, const tcp_key& key, std::optional<sequence> least,
                           tcp_packet& packet, const tcp_header& header, time_point now) {
    // A port that has no room answers nobody, so that peers try again.
    const bool full =
        port.pending_ >= port.acceptor_->room() || entries_.size() >= max_connections_;
    if (full && !header.is_reset()) {
        environment_.counters.drop(tcp_drop::backlog_full);
        return;
    }
    const auto length = header.length(size_of(packet));
    const listen_queue::outcome outcome =
        port.queue_.receive(key, header, length, least, out_.header, now);
    schedule(port);
    switch (outcome.what) {
    case listen_queue::verdict::drop:
        break;
    case listen_queue::verdict::reply:
        reply(key, now);
        break;
    case listen_queue::verdict::held:
        port.acceptor_->on_request(key);
        break;
    case listen_queue::verdict::opened:
        open(port, key, outcome.handshake, packet, header, now);
        break;
    }
}

void tcp_layer::open(tcp_port& port, const tcp_key& key, const tcp_handshake& terms,
                     tcp_packet& packet, const tcp_header& header, time_point now) {
    tcp_entry* const entry = create(key, terms.local_first, terms.timestamp_offset);
    if (entry == nullptr) {
        environment_.counters.drop(tcp_drop::backlog_full);
        return;
    }
    entry->awake().port = &port;
    ++port.pending_;
    entry->engine().resume(terms, now);
    deliver(*entry, packet, header, now);
}

/// Sends what stands in `out_.header`, which belongs to no connection.
void tcp_layer::reply(const tcp_key& key, time_point now) {
    tcp_header& header = out_.header;
    if (header.is_reset() && !resets_.allow(now)) {
        return;
    }
    header.source_port = key.local_port;
    header.destination_port = key.remote_port;
    if (header.is_syn()) {
        const ip_address remote = key.there().address();
        const tcp_way way = below_->way(key.here().address(), remote);
        header.syn.max_segment_size =
            std::min(header.syn.max_segment_size, segment_size_of(way.mtu, remote));
    }
    out_.payload.clear();
    out_.segment_size = 1;
    out_.ecn_capable = false;
    ++environment_.counters.segments_sent;
    tcp_way_hint hint;
    below_->send(key, hint, out_, now);
}

/// RFC 9293 3.10.7.1.
void tcp_layer::reset(const tcp_key& key, const tcp_header& about, std::uint32_t length,
                      time_point now) {
    tcp_header& header = out_.header;
    header = {};
    header.control = tcp_control::reset;
    header.acknowledges = !about.acknowledges;
    header.number = about.acknowledges ? about.ack : sequence();
    header.ack = about.number + length;
    ++environment_.counters.resets_sent;
    reply(key, now);
}

void tcp_layer::end_of_burst(time_point now) {
    bursting_ = true;
    update_marked(now);
    bursting_ = false;
    below_->flush(now);
}

void tcp_layer::on_writable(time_point now) {
    blocked_ = false;
    end_of_burst(now);
}

void tcp_layer::on_icmp_error(const tcp_icmp_error& what, time_point now) {
    tcp_entry* const entry =
        find(tcp_key({what.local, what.local_port}, {what.remote, what.remote_port}));
    if (entry == nullptr) {
        return;
    }
    switch (what.what) {
    case tcp_icmp_error::kind::unreachable:
        entry->engine().on_icmp_unreachable(what.number, now);
        break;
    case tcp_icmp_error::kind::too_big:
        entry->awake().hint = {};
        entry->engine().on_icmp_too_big(what.number, segment_size_of(what.mtu, what.remote), now);
        break;
    case tcp_icmp_error::kind::soft:
        return;
    }
    update(*entry, now);
}

void tcp_layer::on_address_removed(const ip_address& address, time_point now) {
    constexpr std::size_t at_once = 4096; // of those at rest, that not all are awake
    std::size_t count = 0;
    bursting_ = true;
    entries_.for_each([&](std::uint32_t, tcp_entry& entry) {
        if (entry.found_ && entry.local().address() == address) {
            entry.engine().on_address_removed();
            mark(entry);
            if (++count % at_once == 0) {
                update_marked(now);
            }
        }
    });
    end_of_burst(now);
}

} // namespace runnel::inline v0::stack
