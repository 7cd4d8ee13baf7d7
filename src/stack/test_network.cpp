// SPDX-License-Identifier: Apache-2.0
#include "test_network.hpp"

#include "runnel/stack/tcp_wire.hpp"

#include <algorithm>
#include <utility>

namespace runnel::stack {

namespace {

constexpr std::uint8_t protocol_tcp = 6;

checksum pseudo_header(const ip_address& from, const ip_address& to, std::size_t size) {
    const auto length = static_cast<std::uint16_t>(size);
    return from.is_v4() ? checksum::pseudo_header(from.v4(), to.v4(), protocol_tcp, length)
                        : checksum::pseudo_header(from.v6(), to.v6(), protocol_tcp, length);
}

std::string to_bytes(const tcp_header& header, std::string_view payload, const ip_address& from,
                     const ip_address& to) {
    std::array<std::byte, max_tcp_header_size> head{};
    const std::size_t size = write_tcp(header, head);
    const std::span bytes(head.data(), size);
    set_tcp_checksum(bytes, pseudo_header(from, to, size + payload.size()),
                     checksum(as_bytes(payload)));
    return std::string(reinterpret_cast<const char*>(head.data()), size) + std::string(payload);
}

std::string gather(const tcp_segment& segment) {
    std::string all;
    for (const buffer& slice : segment.payload.slices()) {
        all += slice.view();
    }
    return all;
}

} // namespace

// ---- hosts

test_network::host::host(test_network& wire, std::vector<ip_address> own,
                         const tcp_layer::options& how)
    : addresses(std::move(own)), mtu(wire.options_.mtu), wire_(&wire) {
    const siphash_key secret{wire.random_(), wire.random_()};
    layer = std::make_unique<tcp_layer>(*this, how, secret, wire.now_);
}

result<ip_address> test_network::host::source_for(const ip_address& remote) const {
    for (const ip_address& one : addresses) {
        if (one.family() == remote.family()) {
            return one;
        }
    }
    return fail(errc::unreachable);
}

bool test_network::host::is_ours(const ip_address& address) const noexcept {
    return std::ranges::find(addresses, address) != addresses.end();
}

tcp_way test_network::host::way(const ip_address& /*local*/,
                                const ip_address& /*remote*/) const noexcept {
    return {mtu, wire_->options_.burst};
}

bool test_network::host::send(const tcp_key& key, tcp_way_hint& /*hint*/, tcp_segment& segment,
                              time_point /*now*/) {
    const ip_address from = key.here().address();
    const ip_address to = key.there().address();
    const std::string all = gather(segment);
    tcp_header header = segment.header;
    std::size_t offset = 0;
    do {
        const std::size_t size = std::min<std::size_t>(segment.segment_size, all.size() - offset);
        const bool last = offset + size == all.size();
        header.number = segment.header.number + static_cast<std::uint32_t>(offset);
        header.control =
            last || segment.header.is_syn() ? segment.header.control : tcp_control::none;
        if (keep_sent) {
            sent.push_back(header);
        }
        ++packets;
        wire_->put(this, {from, to, to_bytes(header, all.substr(offset, size), from, to), false});
        offset += size;
    } while (offset < all.size());
    room -= room == SIZE_MAX ? 0 : 1;
    return room > 0;
}

void test_network::host::flush(time_point /*now*/) {
    ++flushes;
}

// ---- wire

test_network::host& test_network::add(std::vector<ip_address> addresses,
                                      const tcp_layer::options& how) {
    hosts_.push_back(std::make_unique<host>(*this, std::move(addresses), how));
    return *hosts_.back();
}

test_network::host* test_network::find(const ip_address& address) {
    for (const auto& one : hosts_) {
        if (one->is_ours(address)) {
            return one.get();
        }
    }
    for (const auto& one : hosts_) {
        if (one->any_) {
            return one.get();
        }
    }
    return nullptr;
}

void test_network::inject(const ip_address& from, const ip_address& to, const tcp_header& header,
                          std::string_view payload) {
    wire_.emplace(now_, packet{from, to, to_bytes(header, payload, from, to), false});
}

void test_network::put(host* from, packet what) {
    const wire_faults& faults = options_.faults;
    if (random_.fraction() < faults.loss) {
        return;
    }
    time_point arrives = now_ + faults.delay;
    if (faults.jitter > duration::zero()) {
        arrives += duration(random_.below(static_cast<std::uint64_t>(faults.jitter.count())));
    }
    if (random_.fraction() < faults.reorder) {
        arrives += faults.reorder_by;
    } else {
        arrives = from->last_arrival_ = std::max(arrives, from->last_arrival_);
    }
    if (random_.fraction() < faults.corrupt) {
        what.bytes[random_.below(what.bytes.size())] ^= static_cast<char>(1 + random_.below(255));
    }
    if (random_.fraction() < faults.duplicate) {
        wire_.emplace(arrives + duration(random_.below(2'000'000)), what);
    }
    wire_.emplace(arrives, std::move(what));
}

void test_network::deliver(packet what) {
    host* const to = find(what.to);
    if (to == nullptr) {
        return;
    }
    tcp_packet arrived;
    arrived.source = what.from;
    arrived.destination = what.to;
    arrived.bytes = buffer::copy_of(what.bytes);
    arrived.congestion_marked = what.marked;
    arrived.checksum_verified = options_.verified;
    to->layer->receive(arrived, now_);
    to->touched_ = true;
}

time_point test_network::next_event() {
    time_point next = wire_.empty() ? never : wire_.begin()->first;
    for (const auto& one : hosts_) {
        next = std::min(next, one->layer->deadline());
    }
    return next;
}

void test_network::advance(time_point when) {
    now_ = std::max(now_, when);
    while (!wire_.empty() && wire_.begin()->first <= now_) {
        packet what = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        deliver(std::move(what));
    }
    for (const auto& one : hosts_) {
        if (std::exchange(one->touched_, false)) {
            one->layer->end_of_burst(now_);
        }
        if (one->layer->deadline() <= now_) {
            one->layer->on_timer(now_);
        }
    }
}

bool test_network::step() {
    const time_point next = next_event();
    if (next == never) {
        return false;
    }
    advance(next);
    return true;
}

bool test_network::run_until(const std::function<bool()>& done, duration limit) {
    const time_point end = now_ + limit;
    while (!done()) {
        if (now_ > end || !step()) {
            return done();
        }
    }
    return true;
}

void test_network::run_for(duration span) {
    const time_point end = now_ + span;
    while (next_event() <= end) {
        step();
    }
    advance(end);
}

// ---- programs

test_program::~test_program() {
    release();
}

void test_program::begin(tcp_entry& entry) {
    entry_ = &entry;
    act();
}

void test_program::release() {
    if (entry_ != nullptr) {
        layer_->release(*std::exchange(entry_, nullptr), wire_->now());
    }
}

void test_program::on_disconnect() noexcept {
    entry_ = nullptr;
    gone = true;
}

void test_program::on_events(tcp_events what) noexcept {
    connected = connected || what.connected;
    if (what.ended) {
        ended_ = true;
        failure_ = entry_ != nullptr ? entry_->engine().failure() : failure_;
    }
    if (entry_ != nullptr) {
        act();
    }
}

void test_program::act() {
    if (std::exchange(acting_, true)) {
        return;
    }
    tcp_connection& engine = entry_->engine();
    const time_point now = wire_->now();
    while (reads && engine.readable() > 0) {
        const buffer data = engine.read(now);
        for (const std::byte one : data.span()) {
            right = right && one == tcp_pair::pattern(read++);
        }
    }
    saw_end_ = saw_end_ || (engine.finished() && engine.readable() == 0);
    while (written < size_ && engine.write_room() > 0) {
        const auto size = std::min<std::uint64_t>(size_ - written, 16'000);
        buffer data = buffer::allocate(size);
        for (std::byte& one : data.writable()) {
            one = tcp_pair::pattern(written +
                                    static_cast<std::uint64_t>(&one - data.writable().data()));
        }
        written += engine.write(data, now);
    }
    if (written == size_ && shuts_down && !told_ && !ended_) {
        told_ = true;
        engine.shutdown_write(now);
    }
    acting_ = false;
    layer_->update(*entry_, now);
}

void test_server::on_connection(tcp_entry& connection) noexcept {
    test_program& program = programs.emplace_back(*wire_, *layer_, size_);
    program.connected = true;
    connection.attach(program);
    program.begin(connection);
}

} // namespace runnel::stack
