// SPDX-License-Identifier: Apache-2.0
// Who listens where.
#include "runnel/stack/tcp_layer.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

constexpr std::uint32_t none = handle_table::none;

std::uint64_t hash_of(const siphash_key& secret, const ip_endpoint& at) noexcept {
    return tcp_key(at, {}).hash(secret);
}

} // namespace

void tcp_port::fire(timer& self) noexcept {
    auto& port = static_cast<tcp_port&>(self);
    port.layer_->on_port_timer(port);
}

bool tcp_port::takes(const ip_address& destination, std::uint16_t port) const noexcept {
    if (at_.port() != port) {
        return false;
    }
    if (!is_any()) {
        return at_.address() == destination;
    }
    return at_.family() == destination.family() || (at_.address().is_v6() && options_.dual);
}

tcp_port* tcp_layer::find_port(std::uint64_t hash, const ip_endpoint& at) noexcept {
    const std::uint32_t handle =
        port_table_.find(hash, [&](std::uint32_t which) { return ports_[which]->at() == at; });
    return handle == none ? nullptr : ports_[handle].get();
}

/// Who listens for a packet: at its address, else at any of its family, else at any, else the one
/// that takes what is left.
tcp_port* tcp_layer::find_port(const tcp_key& key) noexcept {
    const ip_endpoint to = key.here();
    const ip_endpoint places[] = {
        to, {ip_address::any(to.family()), to.port()}, {ip_address::any(ip_family::v6), to.port()}};
    for (const ip_endpoint& place : places) {
        tcp_port* const port = find_port(hash_of(secret_, place), place);
        if (port != nullptr && port->takes(to.address(), to.port())) {
            return port;
        }
    }
    return forwarding_;
}

bool tcp_layer::port_taken(const ip_endpoint& at, const tcp_port::options& how) noexcept {
    if (find_port(hash_of(secret_, at), at) != nullptr) {
        return true;
    }
    if (!at.address().is_unspecified()) {
        return false;
    }
    // Any address of both families meets any address of the other one.
    const ip_family other = at.address().is_v4() ? ip_family::v6 : ip_family::v4;
    const ip_endpoint place(ip_address::any(other), at.port());
    const tcp_port* const port = find_port(hash_of(secret_, place), place);
    return port != nullptr && (at.address().is_v6() ? how.dual : port->options_.dual);
}

result<ip_endpoint> tcp_layer::choose_port(const ip_endpoint& at, const tcp_port::options& how) {
    const auto port = numbers_.pick_port(tcp_key(at, {}), [&](std::uint16_t candidate) {
        return !port_taken(at.with_port(candidate), how);
    });
    if (!port) {
        return fail(errc::limit_exceeded, "no port is free to listen at");
    }
    return at.with_port(*port);
}

result<tcp_port*> tcp_layer::listen(const ip_endpoint& at, const tcp_port::options& how,
                                    tcp_acceptor& acceptor, time_point /*now*/) {
    ip_endpoint place = at;
    if (down_) {
        return fail(errc::closed, "the stack was disconnected");
    }
    if (how.forwarding) {
        if (forwarding_ != nullptr) {
            return fail(errc::address_in_use, "somebody takes all other connections already");
        }
    } else {
        const ip_address& address = at.address();
        if (!address.is_unspecified() && !below_->is_ours(address)) {
            return fail(errc::unreachable,
                        address.to_string() + " is not an address of this stack");
        }
        if (at.port() == 0) {
            const result<ip_endpoint> chosen = choose_port(at, how);
            if (!chosen) {
                return std::unexpected(chosen.error());
            }
            place = *chosen;
        } else if (port_taken(at, how)) {
            return fail(errc::address_in_use, "somebody listens at " + at.to_string() + " already");
        }
    }
    const auto free =
        std::ranges::find_if(ports_, [](const auto& port) { return port == nullptr; });
    const auto handle = static_cast<std::uint32_t>(free - ports_.begin());
    if (free == ports_.end()) {
        ports_.emplace_back();
    }
    // A secret of its own for each port, so that cookies of one mean nothing to another.
    const siphash_key secret{secret_.first ^ handle, ~secret_.second};
    ports_[handle] = std::make_unique<tcp_port>(
        *this, place, how, acceptor, listen_queue(environment_, numbers_, secret, how.queue));
    tcp_port& port = *ports_[handle];
    port.handle_ = handle;
    if (how.forwarding) {
        forwarding_ = &port;
        below_->accept_any_destination(true);
    } else {
        port_table_.insert(hash_of(secret_, place), handle);
    }
    return &port;
}

void tcp_layer::unlisten(tcp_port& port, time_point now) {
    if (port.pending_ > 0) {
        // Open connections that nobody was told of yet have nobody to belong to.
        entries_.for_each([&](std::uint32_t, tcp_entry& entry) {
            if (entry.awake_ != nullptr && entry.awake_->port == &port) {
                entry.awake_->port = nullptr;
                entry.released_ = true;
                entry.engine().abort(now);
                mark(entry);
            }
        });
    }
    if (forwarding_ == &port) {
        forwarding_ = nullptr;
        below_->accept_any_destination(false);
    } else {
        port_table_.erase(hash_of(secret_, port.at_), port.handle_);
    }
    ports_[port.handle_].reset();
    if (!bursting_) {
        end_of_burst(now);
    }
}

bool tcp_layer::admit(tcp_port& port, const tcp_key& key, time_point now) {
    if (!port.queue_.accept(key, out_.header, now)) {
        return false;
    }
    reply(key, now);
    schedule(port);
    below_->flush(now);
    return true;
}

bool tcp_layer::refuse(tcp_port& port, const tcp_key& key, time_point now) {
    if (!port.queue_.refuse(key, out_.header)) {
        return false;
    }
    reply(key, now);
    below_->flush(now);
    return true;
}

void tcp_layer::schedule(tcp_port& port) noexcept {
    const time_point due = port.queue_.deadline();
    if (due == never) {
        port.cancel();
    } else if (!port.armed() || due < port.deadline()) {
        timers_.arm(port, due);
    }
}

void tcp_layer::on_port_timer(tcp_port& port) noexcept {
    tcp_key key;
    while (port.queue_.on_timer(key, out_.header, now_)) {
        reply(key, now_);
    }
    schedule(port);
}

} // namespace runnel::inline v0::stack
