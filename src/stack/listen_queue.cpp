// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/listen_queue.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

constexpr std::uint32_t none = handle_table::none;

// How long a held SYN is kept for the program to decide.
constexpr duration held_time = std::chrono::seconds(130);
// A cookie is good in the period it was made in and in the next: two minutes at most.
constexpr duration cookie_period = std::chrono::seconds(64);
// Segment sizes that a cookie can name: of what paths carry, the largest not above the peer's.
constexpr std::array<std::uint16_t, 8> cookie_sizes{216, 536, 1200, 1300, 1400, 1440, 1460, 8960};

// What the lowest bits of a cookie's timestamp say.
constexpr std::uint32_t stamp_bits = 6;
constexpr std::uint32_t stamp_no_scale = 15;
constexpr std::uint32_t stamp_sack = 1U << 4U;
constexpr std::uint32_t stamp_ecn = 1U << 5U;

std::uint32_t period_of(time_point now) noexcept {
    return static_cast<std::uint32_t>(now.time_since_epoch() / cookie_period);
}

void write_reset(const tcp_header& about, std::uint32_t length, tcp_header& out) noexcept {
    out = {};
    out.control = tcp_control::reset;
    out.acknowledges = !about.acknowledges;
    out.number = about.acknowledges ? about.ack : sequence();
    out.ack = about.number + length;
}

} // namespace

std::uint32_t listen_queue::find(const tcp_key& key) const noexcept {
    return table_.find(key.hash(secret_), [&](std::uint32_t at) { return slab_[at].key == key; });
}

std::uint32_t listen_queue::cookie(const tcp_key& key, sequence remote, std::uint32_t period,
                                   std::uint32_t step) const noexcept {
    const std::uint64_t mixed = std::uint64_t{remote.number()} << 32U | period << 3U | step;
    const std::uint64_t hash = key.hash({secret_.first ^ mixed, secret_.second ^ 0x636f'6f6b'6965});
    return (static_cast<std::uint32_t>(hash) & ~0xfU) | (period & 1U) << 3U | step;
}

listen_queue::entry listen_queue::read_syn(const tcp_key& key, const tcp_header& syn,
                                           std::optional<sequence> least,
                                           time_point now) const noexcept {
    const tcp_config& config = environment_->config;
    entry one;
    one.key = key;
    one.local_first = numbers_->first(key, now);
    if (least && one.local_first < *least) {
        one.local_first = *least;
    }
    one.remote_first = syn.number;
    one.timestamps = config.timestamps && syn.timestamps.has_value();
    one.peer_timestamp = one.timestamps ? syn.timestamps->value : 0;
    one.timestamp_offset = numbers_->timestamp_offset(key);
    one.peer_segment_size =
        syn.syn.max_segment_size != 0 ? syn.syn.max_segment_size : std::uint16_t{536};
    one.peer_window = syn.window;
    one.scaling = config.window_scaling && syn.syn.window_scale.has_value();
    one.peer_scale = syn.syn.window_scale.value_or(0);
    one.selective_ack = config.selective_ack && syn.syn.sack_permitted;
    one.ecn = config.ecn && syn.ece && syn.cwr;
    return one;
}

tcp_handshake listen_queue::agree(const entry& one) const noexcept {
    tcp_handshake terms;
    terms.local_first = one.local_first;
    terms.remote_first = one.remote_first;
    terms.peer_segment_size = one.peer_segment_size;
    terms.peer_window = one.peer_window;
    if (one.scaling) {
        terms.peer_scale = one.peer_scale;
    }
    terms.offered_window =
        static_cast<std::uint16_t>(std::min(environment_->config.receive_buffer, 0xffffU));
    terms.selective_ack = one.selective_ack;
    terms.timestamps = one.timestamps;
    terms.ecn = one.ecn;
    terms.timestamp_offset = one.timestamp_offset;
    terms.peer_timestamp = one.peer_timestamp;
    return terms;
}

void listen_queue::write_syn_ack(const entry& one, tcp_header& out, time_point now) const noexcept {
    const tcp_config& config = environment_->config;
    out = {};
    out.control = tcp_control::syn;
    out.number = one.local_first;
    out.ack = one.remote_first + 1;
    out.ece = one.ecn;
    out.window = agree(one).offered_window;
    out.syn.max_segment_size = config.max_segment_size;
    out.syn.sack_permitted = one.selective_ack;
    if (one.scaling) {
        out.syn.window_scale =
            tcp_receiver::scale_for(std::max(config.max_receive_buffer, config.receive_buffer));
    }
    if (one.timestamps) {
        out.timestamps =
            tcp_timestamps{timestamp_clock(now) + one.timestamp_offset, one.peer_timestamp};
    }
}

listen_queue::outcome listen_queue::receive(const tcp_key& key, const tcp_header& header,
                                            std::uint32_t length, std::optional<sequence> least,
                                            tcp_header& out, time_point now) {
    if (const std::uint32_t which = find(key); which != none) {
        return receive_known(which, header, out, now);
    }
    if (header.is_reset()) {
        environment_->counters.drop(tcp_drop::no_connection);
        return {};
    }
    if (header.acknowledges) {
        return receive_cookie(key, header, out, length, now);
    }
    if (!header.is_syn()) {
        environment_->counters.drop(tcp_drop::no_ack);
        return {};
    }
    return receive_syn(key, header, least, out, now);
}

listen_queue::outcome listen_queue::receive_syn(const tcp_key& key, const tcp_header& header,
                                                std::optional<sequence> least, tcp_header& out,
                                                time_point now) {
    entry one = read_syn(key, header, least, now);
    if (table_.size() < options_.backlog) {
        one.held = options_.deferred;
        const std::uint32_t which = add(one);
        schedule(which, now);
        if (options_.deferred) {
            return {verdict::held, {}};
        }
        write_syn_ack(one, out, now);
        return {verdict::reply, {}};
    }
    if (!options_.cookies || options_.deferred) {
        environment_->counters.drop(tcp_drop::backlog_full);
        return {};
    }
    const auto fitting = std::ranges::upper_bound(cookie_sizes, one.peer_segment_size);
    const auto step =
        static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(fitting - cookie_sizes.begin(), 1) - 1);
    one.local_first = sequence(cookie(key, header.number, period_of(now), step));
    one.scaling = one.scaling && one.timestamps;
    one.selective_ack = one.selective_ack && one.timestamps;
    one.ecn = one.ecn && one.timestamps;
    write_syn_ack(one, out, now);
    if (out.timestamps) {
        const std::uint32_t said = (one.scaling ? std::uint32_t{one.peer_scale} : stamp_no_scale) |
                                   (one.selective_ack ? stamp_sack : 0) | (one.ecn ? stamp_ecn : 0);
        const std::uint32_t mask = (1U << stamp_bits) - 1;
        const std::uint32_t clock = out.timestamps->value;
        const std::uint32_t told = (clock & ~mask) | said;
        // Never ahead of the clock, or what follows would look old (RFC 7323 5).
        out.timestamps->value = told > clock ? told - mask - 1 : told;
    }
    ++environment_->counters.cookies_sent;
    return {verdict::reply, {}};
}

listen_queue::outcome listen_queue::receive_cookie(const tcp_key& key, const tcp_header& header,
                                                   tcp_header& out, std::uint32_t length,
                                                   time_point now) {
    const sequence local = header.ack - 1;
    const sequence remote = header.number - 1;
    const std::uint32_t step = local.number() & 7U;
    bool ours = false;
    for (std::uint32_t age = 0; age < 2 && !header.is_syn(); ++age) {
        ours = ours || cookie(key, remote, period_of(now) - age, step) == local.number();
    }
    if (!ours) {
        environment_->counters.drop(options_.cookies ? tcp_drop::bad_cookie
                                                     : tcp_drop::no_connection);
        write_reset(header, length, out); // RFC 9293 3.10.7.2
        ++environment_->counters.resets_sent;
        return {verdict::reply, {}};
    }
    entry one;
    one.key = key;
    one.local_first = local;
    one.remote_first = remote;
    one.peer_segment_size = cookie_sizes[step];
    one.peer_window = header.window;
    one.timestamp_offset = numbers_->timestamp_offset(key);
    if (environment_->config.timestamps && header.timestamps) {
        const std::uint32_t said = header.timestamps->echo;
        one.timestamps = true;
        one.peer_timestamp = header.timestamps->value;
        one.scaling = (said & 0xfU) != stamp_no_scale;
        one.peer_scale = static_cast<std::uint8_t>(std::min(said & 0xfU, 14U));
        one.selective_ack = (said & stamp_sack) != 0;
        one.ecn = (said & stamp_ecn) != 0;
    }
    ++environment_->counters.cookies_accepted;
    tcp_handshake terms = agree(one);
    terms.peer_window = std::uint32_t{header.window} << (one.scaling ? one.peer_scale : 0U);
    return {verdict::opened, terms};
}

listen_queue::outcome listen_queue::receive_known(std::uint32_t which, const tcp_header& header,
                                                  tcp_header& out, time_point now) {
    const entry one = slab_[which];
    if (header.is_reset()) {
        // RFC 5961 3.2: exactly, or not at all.
        if (header.number == one.remote_first + 1) {
            remove(which);
        } else {
            environment_->counters.drop(tcp_drop::inexact_reset);
        }
        return {};
    }
    if (header.is_syn()) {
        if (one.held || header.acknowledges || header.number != one.remote_first) {
            environment_->counters.drop(tcp_drop::unexpected_syn);
            return {};
        }
        write_syn_ack(one, out, now);
        return {verdict::reply, {}};
    }
    if (!header.acknowledges || one.held) {
        environment_->counters.drop(tcp_drop::no_ack);
        return {};
    }
    if (header.ack != one.local_first + 1) {
        environment_->counters.drop(tcp_drop::bad_ack);
        write_reset(header, 0, out);
        ++environment_->counters.resets_sent;
        return {verdict::reply, {}};
    }
    const tcp_handshake base = agree(one);
    const std::uint32_t offset = header.number - one.remote_first;
    if (offset == 0 || offset > std::uint32_t{base.offered_window} + 1) {
        environment_->counters.drop(tcp_drop::outside_window);
        return {};
    }
    remove(which);
    tcp_handshake terms = base;
    terms.peer_window = std::uint32_t{header.window} << (one.scaling ? one.peer_scale : 0U);
    return {verdict::opened, terms};
}

bool listen_queue::accept(const tcp_key& key, tcp_header& out, time_point now) {
    const std::uint32_t which = find(key);
    if (which == none || !slab_[which].held) {
        return false;
    }
    unlink(which);
    slab_[which].held = false;
    slab_[which].tries = 0;
    schedule(which, now);
    write_syn_ack(slab_[which], out, now);
    return true;
}

bool listen_queue::refuse(const tcp_key& key, tcp_header& out) noexcept {
    const std::uint32_t which = find(key);
    if (which == none || !slab_[which].held) {
        return false;
    }
    out = {};
    out.control = tcp_control::reset;
    out.ack = slab_[which].remote_first + 1;
    ++environment_->counters.resets_sent;
    remove(which);
    return true;
}

// ---- entries

std::uint32_t listen_queue::add(const entry& one) {
    std::uint32_t which = free_;
    if (which == none) {
        which = static_cast<std::uint32_t>(slab_.size());
        slab_.push_back(one);
    } else {
        free_ = slab_[which].newer;
        slab_[which] = one;
    }
    table_.insert(one.key.hash(secret_), which);
    return which;
}

void listen_queue::remove(std::uint32_t which) noexcept {
    unlink(which);
    table_.erase(slab_[which].key.hash(secret_), which);
    slab_[which].newer = free_;
    free_ = which;
}

void listen_queue::unlink(std::uint32_t which) noexcept {
    const entry& one = slab_[which];
    list& members = list_of(one);
    (one.older == none ? members.oldest : slab_[one.older].newer) = one.newer;
    (one.newer == none ? members.newest : slab_[one.newer].older) = one.older;
}

void listen_queue::schedule(std::uint32_t which, time_point now) noexcept {
    entry& one = slab_[which];
    one.tries = one.held ? std::uint8_t{0} : static_cast<std::uint8_t>(one.tries + 1);
    const auto doublings = one.held ? 0 : one.tries - 1;
    one.due = now + (one.held ? held_time
                              : environment_->config.retransmission.initial *
                                    (std::int64_t{1} << doublings));
    list& members = list_of(one);
    one.older = members.newest;
    one.newer = none;
    (members.newest == none ? members.oldest : slab_[members.newest].newer) = which;
    members.newest = which;
}

time_point listen_queue::deadline() const noexcept {
    time_point first = never;
    for (const list& members : lists_) {
        if (members.oldest != none) {
            first = std::min(first, slab_[members.oldest].due);
        }
    }
    return first;
}

bool listen_queue::on_timer(tcp_key& key, tcp_header& out, time_point now) {
    const std::size_t most = std::min<std::size_t>(options_.retries + 1U, max_tries);
    for (list& members : lists_) {
        while (members.oldest != none && slab_[members.oldest].due <= now) {
            const std::uint32_t which = members.oldest;
            entry& one = slab_[which];
            if (one.held || one.tries >= most) {
                ++environment_->counters.connections_failed;
                remove(which);
                continue;
            }
            unlink(which);
            schedule(which, now);
            key = one.key;
            write_syn_ack(one, out, now);
            return true;
        }
    }
    return false;
}

} // namespace runnel::inline v0::stack
