// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_layer.hpp"

#include "runnel/core/check.hpp"
#include "tcp_way.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// When the way is full, timers that are due wait at least this long for it.
constexpr duration blocked_pause = std::chrono::milliseconds(1);

bool over(const tcp_connection& engine) noexcept {
    return engine.state() == tcp_state::closed || engine.state() == tcp_state::time_wait;
}

bool writing_ended(const tcp_connection& engine) noexcept {
    switch (engine.state()) {
    case tcp_state::syn_sent:
    case tcp_state::syn_received:
    case tcp_state::established:
    case tcp_state::close_wait:
        return false;
    case tcp_state::closed:
    case tcp_state::fin_wait_1:
    case tcp_state::fin_wait_2:
    case tcp_state::closing:
    case tcp_state::last_ack:
    case tcp_state::time_wait:
        return true;
    }
    return true;
}

} // namespace

void tcp_acceptor::on_request(const tcp_key& /*key*/) noexcept {}

tcp_layer::time_wait_timer::time_wait_timer(tcp_layer& owner) noexcept
    : timer([](timer& self) noexcept {
          static_cast<time_wait_timer&>(self).layer->on_time_wait_timer();
      }),
      layer(&owner) {}

tcp_layer::tcp_layer(tcp_lower& below, const options& how, const siphash_key& secret,
                     time_point now)
    : below_(&below), secret_(secret), environment_{how.config, {}, challenge_limit(secret.first)},
      max_connections_(how.max_connections), max_time_wait_(how.max_time_wait), numbers_(secret),
      resets_(secret.second), timers_(now),
      time_wait_(secret, how.config.time_wait, how.max_time_wait), time_wait_timer_(*this),
      rest_timer_(*this), now_(now) {}

tcp_layer::~tcp_layer() {
    check(entries_.size() == 0 || !bursting_, "a layer is not destroyed from within");
}

std::size_t tcp_layer::footprint() const noexcept {
    return entries_.footprint() + table_.footprint() + time_wait_.footprint();
}

// ---- the life of an entry

tcp_entry* tcp_layer::create(const tcp_key& key, sequence first, std::uint32_t offset) {
    if (entries_.size() >= max_connections_) {
        return nullptr;
    }
    const std::uint32_t handle = entries_.create(*this, environment_, key, first, offset);
    tcp_entry& entry = entries_[handle];
    entry.handle_ = handle;
    entry.found_ = true;
    table_.insert(key.hash(secret_), handle);
    const ip_endpoint remote = key.there();
    const tcp_way way = below_->way(key.here().address(), remote.address());
    entry.engine().set_way(segment_size_of(way.mtu, remote.address()), way.burst);
    return &entry;
}

/// Takes a connection that is over out of the table, and what TIME-WAIT needs of it in.
void tcp_layer::retire(tcp_entry& entry, time_point now) {
    entry.cancel();
    unwatch_rest(entry);
    entry.found_ = false;
    table_.erase(entry.key_.hash(secret_), entry.handle_);
    if (latest_ == &entry) {
        latest_ = nullptr;
    }
    if (entry.engine().state() == tcp_state::time_wait) {
        time_wait_.add(entry.key_, entry.engine().time_wait(), now);
        if (!time_wait_timer_.armed()) {
            timers_.arm(time_wait_timer_, time_wait_.deadline());
        }
    }
}

void tcp_layer::destroy(tcp_entry& entry) noexcept {
    entries_.destroy(entry.handle_);
}

void tcp_layer::on_time_wait_timer() noexcept {
    time_wait_.expire(now_);
    timers_.arm(time_wait_timer_, time_wait_.deadline());
}

// ---- what is to be done

void tcp_layer::mark(tcp_entry& entry) noexcept {
    if (!entry.dirty_) {
        tcp_awake& awake = entry.awake();
        entry.dirty_ = true;
        awake.next_dirty = nullptr;
        *last_dirty_ = &entry;
        last_dirty_ = &awake.next_dirty;
    }
}

void tcp_layer::update_marked(time_point now) {
    do {
        tcp_entry* next = std::exchange(first_dirty_, nullptr);
        last_dirty_ = &first_dirty_;
        while (next != nullptr) {
            tcp_entry& entry = *std::exchange(next, next->awake_->next_dirty);
            entry.dirty_ = false;
            update_one(entry, now);
        }
        // While the way is full, those with more to send are marked again.
    } while (first_dirty_ != nullptr && !blocked_);
}

void tcp_layer::update(tcp_entry& entry, time_point now) {
    if (bursting_) {
        mark(entry);
        return;
    }
    bursting_ = true;
    update_one(entry, now);
    update_marked(now);
    bursting_ = false;
    below_->flush(now);
}

void tcp_layer::transmit(tcp_entry& entry, time_point now) {
    // What ends a connection is not kept back.
    tcp_awake& awake = entry.awake();
    while (!blocked_ || awake.engine.state() == tcp_state::closed) {
        if (!awake.engine.transmit(out_, now)) {
            return;
        }
        blocked_ = !below_->send(entry.key_, awake.hint, out_, now);
    }
    mark(entry);
}

/// A connection is open: it becomes the acceptor's.
void tcp_layer::announce(tcp_entry& entry) noexcept {
    tcp_port& port = *std::exchange(entry.awake().port, nullptr);
    --port.pending_;
    if (entry.engine().state() == tcp_state::closed) {
        entry.released_ = true; // nobody ever knew of it
        return;
    }
    port.acceptor_->on_connection(entry);
}

void tcp_layer::update_one(tcp_entry& entry, time_point now) {
    const bool nested = std::exchange(entry.updating_, true);
    if (entry.found_) {
        transmit(entry, now);
    }
    if (entry.awake().port != nullptr) {
        announce(entry);
    }
    const tcp_events events = entry.engine().take_events();
    if (events.any() && entry.user_ != nullptr) {
        entry.user_->on_events(events);
    }
    if (nested) {
        return;
    }
    entry.updating_ = false;
    if (entry.found_ && over(entry.engine())) {
        transmit(entry, now);
        retire(entry, now);
    }
    if (entry.found_) {
        watch_rest(entry, now);
        const time_point due = entry.engine().deadline();
        if (due == never) {
            entry.cancel();
        } else if (!entry.armed() || due < entry.deadline()) {
            // A timer that is armed for too early a time costs less than arming it each time.
            timers_.arm(entry, blocked_ ? std::max(due, now + blocked_pause) : due);
        }
    } else if (entry.released_ && !entry.dirty_) {
        destroy(entry);
    }
}

void tcp_layer::on_timer(time_point now) {
    now_ = now;
    bursting_ = true;
    timers_.advance(now);
    update_marked(now);
    bursting_ = false;
    below_->flush(now);
}

// ---- program

bool tcp_layer::is_free(const tcp_key& key, time_point now) noexcept {
    if (find(key) != nullptr) {
        return false;
    }
    return !time_wait_.contains(key) || time_wait_.reuse(key, now);
}

result<tcp_entry*> tcp_layer::connect(const ip_endpoint& remote,
                                      const std::optional<ip_endpoint>& local, tcp_user& user,
                                      time_point now) {
    const ip_address& to = remote.address();
    if (remote.port() == 0 || to.is_unspecified() || to.is_multicast()) {
        return fail(errc::invalid_argument, remote.to_string() + " is no place to connect to");
    }
    if (down_) {
        return fail(errc::closed, "the stack was disconnected");
    }
    ip_endpoint from;
    if (local && !local->address().is_unspecified()) {
        if (local->family() != remote.family() || !below_->is_ours(local->address())) {
            return fail(errc::unreachable, local->to_string() + " is not an address of this stack");
        }
        from = *local;
    } else {
        const result<ip_address> source = below_->source_for(to);
        if (!source) {
            return std::unexpected(source.error());
        }
        from = {*source, local ? local->port() : std::uint16_t{0}};
    }
    tcp_key key(from, remote);
    if (key.local_port == 0) {
        const auto port = numbers_.pick_port(key, [&](std::uint16_t candidate) {
            key.local_port = candidate;
            return is_free(key, now);
        });
        if (!port) {
            return fail(errc::limit_exceeded, "no port is free to connect from");
        }
        key.local_port = *port;
    } else if (!is_free(key, now)) {
        return fail(errc::address_in_use, from.to_string() + " is connected there already");
    }
    tcp_entry* const entry = create(key, numbers_.first(key, now), numbers_.timestamp_offset(key));
    if (entry == nullptr) {
        return fail(errc::limit_exceeded, "too many connections");
    }
    entry->user_ = &user;
    entry->engine().open(now);
    update(*entry, now);
    return entry;
}

void tcp_layer::release(tcp_entry& entry, time_point now) {
    entry.user_ = nullptr;
    entry.released_ = true;
    tcp_connection& engine = entry.engine();
    if (!writing_ended(engine)) {
        engine.abort(now);
    } else if (!over(engine)) {
        engine.shutdown_read();
        engine.orphan(now);
    }
    if (entry.updating_) {
        mark(entry); // where it is being updated, it is still needed
        return;
    }
    update(entry, now);
}

void tcp_layer::disconnect(time_point now) {
    down_ = true;
    bursting_ = true;
    entries_.for_each([&](std::uint32_t, tcp_entry& entry) {
        if (!entry.resting()) {
            entry.engine().abort(now);
            mark(entry);
        }
    });
    update_marked(now);
    // One after the other, so that they are not all awake at once.
    entries_.for_each([&](std::uint32_t, tcp_entry& entry) {
        if (entry.resting()) {
            entry.engine().abort(now);
            mark(entry);
            update_marked(now);
        }
    });
    entries_.for_each([&](std::uint32_t, tcp_entry& entry) {
        if (entry.user_ != nullptr) {
            std::exchange(entry.user_, nullptr)->on_disconnect();
        }
        entry.released_ = true;
        mark(entry);
    });
    blocked_ = false; // nothing is waited for any more
    update_marked(now);
    bursting_ = false;
    for (std::unique_ptr<tcp_port>& port : ports_) {
        if (port != nullptr) {
            tcp_acceptor* const acceptor = port->acceptor_;
            unlisten(*port, now);
            acceptor->on_disconnect();
        }
    }
    time_wait_timer_.cancel();
    rest_timer_.cancel();
    time_wait_ = time_wait_table(secret_, environment_.config.time_wait, max_time_wait_);
    below_->flush(now);
}

} // namespace runnel::inline v0::stack
