// SPDX-License-Identifier: Apache-2.0
#include "tcp_pair.hpp"

#include "runnel/stack/tcp_wire.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace runnel::stack {

namespace {

constexpr std::size_t ip_header = 20;

checksum pseudo(int to, std::size_t size) {
    const ipv4_address client(10, 0, 0, 1);
    const ipv4_address server(10, 0, 0, 2);
    return checksum::pseudo_header(to == 1 ? client : server, to == 1 ? server : client, 6,
                                   static_cast<std::uint16_t>(size));
}

/// One segment of the wire: `offset` and `size` are its part of the super-segment's payload.
std::string serialize(const tcp_segment& segment, std::size_t offset, std::size_t size, int to) {
    tcp_header header = segment.header;
    header.number += static_cast<std::uint32_t>(offset);
    const bool last = offset + size == segment.payload.bytes();
    if (!last && header.control != tcp_control::syn) {
        header.control = tcp_control::none; // FIN and PSH belong to the last
    }
    header.cwr = header.cwr && (offset == 0 || header.is_syn());
    std::array<std::byte, max_tcp_header_size> head;
    const std::size_t head_size = write_tcp(header, head);
    std::string payload;
    for (const buffer& slice : segment.payload.slices()) {
        payload += slice.view();
    }
    payload = payload.substr(offset, size);
    set_tcp_checksum(std::span(head).first(head_size), pseudo(to, head_size + size),
                     checksum(as_bytes(payload)));
    return std::string(reinterpret_cast<const char*>(head.data()), head_size) + payload;
}

} // namespace

tcp_pair::tcp_pair(const plan& what) : plan_(what), random_(what.seed) {
    const tcp_config* configs[2] = {&plan_.client_config, &plan_.server_config};
    for (int i = 0; i < 2; ++i) {
        side& one = sides_[i];
        one.environment.config = *configs[i];
        one.plan = i == 0 ? plan_.client : plan_.server;
        one.faults = i == 0 ? plan_.to_server : plan_.to_client;
        one.read_at = now_;
        const std::uint16_t ports[2] = {40000, 80};
        one.connection = std::make_unique<tcp_connection>(
            one.environment, ports[i], ports[1 - i],
            sequence(static_cast<std::uint32_t>(random_())), static_cast<std::uint32_t>(random_()));
    }
    client().connection->open(now_);
    if (plan_.both_open) {
        server().connection->open(now_);
    }
}

void tcp_pair::complain(const std::string& what) {
    if (error_.empty()) {
        error_ = what + " (seed " + std::to_string(plan_.seed) + ", at " +
                 std::to_string(now_.time_since_epoch().count()) + " ns)";
    }
}

void tcp_pair::write_some(side& one) {
    while (one.written < one.plan.size && one.connection->write_room() > 0) {
        const std::size_t size =
            std::min<std::uint64_t>(one.plan.write_size, one.plan.size - one.written);
        buffer data = buffer::allocate(size);
        for (std::size_t i = 0; i < size; ++i) {
            data.writable()[i] = pattern(one.written + i);
        }
        one.written += one.connection->write(data, now_);
    }
    if (one.written == one.plan.size) {
        one.connection->shutdown_write(now_);
    }
}

void tcp_pair::check_bytes(side& one, std::span<const std::byte> bytes) {
    for (const std::byte value : bytes) {
        if (value != pattern(one.read)) {
            complain("wrong byte at " + std::to_string(one.read));
            return;
        }
        ++one.read;
    }
}

void tcp_pair::read_some(side& one) {
    std::size_t allowed = one.connection->readable();
    if (one.plan.read_rate > 0) {
        one.read_credit +=
            std::chrono::duration<double>(now_ - one.read_at).count() * one.plan.read_rate;
        one.read_at = now_;
        allowed = std::min(allowed, static_cast<std::size_t>(one.read_credit));
        one.read_credit = std::min(one.read_credit - static_cast<double>(allowed), 65536.0);
    }
    std::vector<std::byte> memory;
    while (allowed > 0) {
        if (one.plan.into || one.plan.read_rate > 0) {
            memory.resize(std::min<std::size_t>(allowed, 5000));
            const std::size_t got = one.connection->read_into(memory, now_);
            check_bytes(one, std::span(memory).first(got));
            allowed -= got;
        } else {
            const buffer data = one.connection->read(now_);
            check_bytes(one, data.span());
            allowed -= data.size();
        }
    }
    one.saw_end = one.connection->finished() && one.connection->readable() == 0;
}

void tcp_pair::act(int which) {
    side& one = sides_[which];
    if (one.connection->state() == tcp_state::closed && !one.connection->failure() &&
        !one.connection->events().any()) {
        return;
    }
    one.connection->take_events();
    read_some(one);
    write_some(one);
}

void tcp_pair::check_sent(side& one, const tcp_segment& segment) {
    const tcp_header& header = segment.header;
    if (header.is_syn()) {
        one.scale = header.syn.window_scale;
        return;
    }
    if (header.is_reset() || !header.acknowledges) {
        return;
    }
    if (one.last_ack && header.ack < *one.last_ack) {
        complain("an acknowledgment goes back");
    }
    one.last_ack = header.ack;
    const side& other = &one == &sides_[0] ? sides_[1] : sides_[0];
    const unsigned scale = one.scale && other.scale ? *one.scale : 0U;
    const sequence edge = header.ack + (std::uint32_t{header.window} << scale);
    if (one.last_edge && edge + ((1U << scale) - 1) < *one.last_edge) {
        complain("the right edge shrinks");
    }
    one.last_edge = one.last_edge ? later(edge, *one.last_edge) : edge;
    if (segment.payload.bytes() > one.environment.config.max_send_size &&
        segment.payload.bytes() > segment.segment_size) {
        complain("a super-segment is too large");
    }
    const tcp_sender& sender = one.connection->sender();
    // PRR, loss probes and the first segment of a window may exceed the window by a segment each.
    const std::uint32_t allowance = 3 * sender.segment_size();
    const std::uint32_t window = std::max(sender.congestion_window(), sender.segment_size());
    if (segment.payload.bytes() > 0 && sender.in_flight() > window + allowance &&
        segment.header.number + static_cast<std::uint32_t>(segment.payload.bytes()) ==
            sender.next()) {
        complain("more in flight than allowed: " + std::to_string(sender.in_flight()) + " of " +
                 std::to_string(window));
    }
}

void tcp_pair::flush(int which) {
    side& one = sides_[which];
    tcp_segment segment;
    int budget = 100'000;
    while (one.connection->transmit(segment, now_)) {
        if (--budget == 0) {
            complain("sends for ever");
            return;
        }
        check_sent(one, segment);
        const std::size_t total = segment.payload.bytes();
        std::size_t offset = 0;
        do {
            const std::size_t size = std::min<std::size_t>(segment.segment_size, total - offset);
            put_on_link(which, {1 - which, serialize(segment, offset, size, 1 - which),
                                segment.ecn_capable, false});
            offset += size;
        } while (offset < total);
    }
}

void tcp_pair::put_on_link(int from, packet what) {
    side& one = sides_[from];
    const wire_faults& faults = one.faults;
    ++one.segments;
    one.wire_bytes += what.bytes.size() + ip_header;
    if (random_.fraction() < faults.loss || what.bytes.size() + ip_header > faults.mtu) {
        return;
    }
    time_point leaves = now_;
    if (faults.rate > 0) {
        const time_point begins = std::max(one.link_free, now_);
        const double waiting = std::chrono::duration<double>(begins - now_).count() * faults.rate;
        if (waiting > static_cast<double>(faults.queue)) {
            return;
        }
        what.marked = what.ecn_capable && waiting > faults.mark_above;
        const double span = static_cast<double>(what.bytes.size() + ip_header) / faults.rate;
        leaves = begins + std::chrono::duration_cast<duration>(std::chrono::duration<double>(span));
        one.link_free = leaves;
    }
    time_point arrives = leaves + faults.delay;
    if (faults.jitter > duration::zero()) {
        arrives += duration(random_.below(static_cast<std::uint64_t>(faults.jitter.count())));
    }
    if (random_.fraction() < faults.reorder) {
        arrives += faults.reorder_by;
    } else {
        arrives = std::max(arrives, one.last_arrival);
        one.last_arrival = arrives;
    }
    if (random_.fraction() < faults.corrupt) {
        what.bytes[random_.below(what.bytes.size())] ^= static_cast<char>(1 + random_.below(255));
    }
    if (random_.fraction() < faults.duplicate) {
        wire_.emplace(arrives + duration(random_.below(2'000'000)), what);
    }
    wire_.emplace(arrives, std::move(what));
}

void tcp_pair::deliver(packet what) {
    side& one = sides_[what.to];
    const auto bytes = as_bytes(what.bytes);
    if (!valid_tcp_checksum(pseudo(what.to, bytes.size()), bytes)) {
        one.environment.counters.drop(tcp_drop::bad_checksum);
        return;
    }
    const auto parsed = parse_tcp(bytes);
    if (!parsed) {
        complain("an unreadable header");
        return;
    }
    tcp_connection& connection = *one.connection;
    if (connection.state() == tcp_state::closed && !connection.failure() && what.to == 1 &&
        !one.saw_end && parsed->header.is_syn()) {
        connection.answer(parsed->header, now_);
        return;
    }
    connection.receive(parsed->header, buffer::copy_of(bytes.subspan(parsed->header_size)),
                       {what.marked}, now_);
}

bool tcp_pair::over() const {
    for (const side& one : sides_) {
        const tcp_state state = one.connection->state();
        const bool ended = (state == tcp_state::closed && one.connection->events().any()) ||
                           (state == tcp_state::closed && one.saw_end) ||
                           state == tcp_state::time_wait || one.connection->failure();
        if (!ended) {
            return false;
        }
    }
    return true;
}

bool tcp_pair::step() {
    act(0);
    act(1);
    flush(0);
    flush(1);
    time_point next = wire_.empty() ? never : wire_.begin()->first;
    for (side& one : sides_) {
        next = std::min(next, one.connection->deadline());
        if (one.plan.read_rate > 0 && one.connection->readable() > 0) {
            next = std::min(next, now_ + std::chrono::milliseconds(1));
        }
    }
    if (next == never) {
        return false;
    }
    now_ = std::max(now_, next);
    while (!wire_.empty() && wire_.begin()->first <= now_) {
        packet what = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        deliver(std::move(what));
    }
    for (side& one : sides_) {
        if (one.connection->deadline() <= now_) {
            one.connection->on_timer(now_);
        }
    }
    if (now_.time_since_epoch() > plan_.limit) {
        complain("not done in time: client " + std::string(name(client().connection->state())) +
                 " wrote " + std::to_string(client().written) + ", server " +
                 std::string(name(server().connection->state())) + " read " +
                 std::to_string(server().read) + " and wrote " + std::to_string(server().written) +
                 ", client read " + std::to_string(client().read));
    }
    return error_.empty();
}

std::string tcp_pair::run() {
    run_until([this] { return over(); });
    for (side& one : sides_) {
        one.plan.read_rate = 0; // what is left, at once
        act(&one == &sides_[0] ? 0 : 1);
        const side& other = &one == &sides_[0] ? sides_[1] : sides_[0];
        if (one.connection->failure()) {
            complain("failed: " + std::string(describe(*one.connection->failure())));
        }
        if (one.read != other.plan.size) {
            complain("read " + std::to_string(one.read) + " of " + std::to_string(other.plan.size));
        }
        if (!one.connection->sender().board().empty() ||
            one.connection->sender().unacknowledged() != 0 ||
            one.connection->receiver().queue().pieces() != 0) {
            complain("something is left at the end");
        }
    }
    return error_;
}

} // namespace runnel::stack
