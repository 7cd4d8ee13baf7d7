// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/dhcp_client.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {
namespace {

using kind = dhcp_message::kind;

constexpr std::uint32_t without_end = 0xffff'ffff;
constexpr unsigned max_requests = 4; // RFC 2131 3.1 (5)
constexpr unsigned slowest_backoff = 4;
constexpr duration least_wait = std::chrono::seconds(60); // RFC 2131 4.4.5
constexpr std::uint16_t least_mtu = 576;

bool is_host_address(ipv4_address address) noexcept {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast() &&
           !address.is_loopback() && address.number() >> 24U != 0;
}

/// The length that the class of an address had, for servers that say no mask.
unsigned class_length(ipv4_address address) noexcept {
    const std::uint32_t number = address.number();
    return number >> 31U == 0 ? 8 : number >> 30U == 2 ? 16 : 24;
}

/// Gives nothing for an answer without what an address needs.
std::optional<dhcp_lease> lease_of(const dhcp_message& ack, time_point asked) {
    if (!is_host_address(ack.yours) || !ack.lease_seconds || !ack.server) {
        return std::nullopt;
    }
    const duration span = std::chrono::seconds(*ack.lease_seconds);
    if (span < dhcp_client::least_lease) {
        return std::nullopt;
    }
    dhcp_lease out;
    out.address = ip_prefix(ack.yours, ack.prefix_length.value_or(class_length(ack.yours)));
    out.server = *ack.server;
    out.name_servers = ack.name_servers;
    out.domain = ack.domain;
    if (ack.mtu && *ack.mtu >= least_mtu) {
        out.mtu = ack.mtu;
    }
    out.routes = ack.routes;
    if (ack.routes.empty() && !ack.routers.empty()) {
        out.routes.push_back({ip_prefix(ipv4_address(), 0), ack.routers.front()});
    }
    if (*ack.lease_seconds == without_end) {
        out.renewal = out.rebinding = out.end = never;
        return out;
    }
    // RFC 2131 4.4.5, also where a server says times in an order that cannot be.
    duration renewal = span / 2;
    duration rebinding = span / 8 * 7;
    const duration said_renewal = std::chrono::seconds(ack.renewal_seconds.value_or(0));
    const duration said_rebinding = std::chrono::seconds(ack.rebinding_seconds.value_or(0));
    if (said_rebinding > duration::zero() && said_rebinding < span) {
        rebinding = said_rebinding;
        renewal = std::min(renewal, rebinding);
    }
    if (said_renewal > duration::zero() && said_renewal <= rebinding) {
        renewal = said_renewal;
    }
    out.renewal = asked + renewal;
    out.rebinding = asked + rebinding;
    out.end = asked + span;
    return out;
}

} // namespace

std::string_view name(dhcp_client::state state) noexcept {
    switch (state) {
    case dhcp_client::state::stopped:
        return "stopped";
    case dhcp_client::state::selecting:
        return "selecting";
    case dhcp_client::state::requesting:
        return "requesting";
    case dhcp_client::state::checking:
        return "checking";
    case dhcp_client::state::bound:
        return "bound";
    case dhcp_client::state::renewing:
        return "renewing";
    case dhcp_client::state::rebinding:
        return "rebinding";
    case dhcp_client::state::waiting:
        return "waiting";
    }
    return "unknown";
}

void dhcp_client::start(time_point now) {
    if (state_ == state::stopped) {
        begin(now);
    }
}

void dhcp_client::release(time_point now) {
    if (lease_) {
        dhcp_message out = message(kind::release, now);
        out.broadcast = false;
        out.client = lease_->address.address().v4();
        out.server = lease_->server;
        actions_.emplace_back(send{out.client, lease_->server, out.encode()});
    }
    give_up(now);
    state_ = state::stopped;
    deadline_ = never;
}

/// Forgets an address, whether it is used or only checked.
void dhcp_client::give_up(time_point /*now*/) {
    for (const auto& gone : {std::exchange(lease_, {}), std::exchange(granted_, {})}) {
        if (gone) {
            actions_.emplace_back(lose{gone->address.address().v4()});
        }
    }
}

void dhcp_client::begin(time_point now) {
    began_ = now;
    attempts_ = 0;
    state_ = state::selecting;
    transaction_ = static_cast<std::uint32_t>(random_());
    discover(now);
}

void dhcp_client::begin_after(duration span, time_point now) {
    state_ = state::waiting;
    deadline_ = now + span;
}

dhcp_message dhcp_client::message(kind what, time_point now) const {
    dhcp_message out;
    out.what = what;
    out.transaction = transaction_;
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(now - began_).count();
    out.seconds = static_cast<std::uint16_t>(std::min<std::int64_t>(since, 0xffff));
    out.broadcast = true;
    out.hardware = hardware_;
    return out;
}

void dhcp_client::broadcast(const dhcp_message& what) {
    actions_.emplace_back(send{what.client, ipv4_address::broadcast(), what.encode()});
}

/// 4, 8, 16, 32, then every 64 seconds, a second more or less (RFC 2131 4.1).
duration dhcp_client::backoff() {
    const duration base = std::chrono::seconds(4) * (1U << std::min(attempts_, slowest_backoff));
    ++attempts_;
    return base - std::chrono::seconds(1) + std::chrono::milliseconds(random_.below(2001));
}

void dhcp_client::discover(time_point now) {
    broadcast(message(kind::discover, now));
    deadline_ = now + backoff();
}

void dhcp_client::request(time_point now) {
    dhcp_message out = message(kind::request, now);
    out.requested = offered_;
    out.server = server_;
    asked_ = now;
    broadcast(out);
    deadline_ = now + backoff();
}

/// Asks to keep the address: its server, and from T2 on everybody (RFC 2131 4.4.5).
void dhcp_client::extend(time_point now) {
    dhcp_message out = message(kind::request, now);
    out.broadcast = false;
    out.client = lease_->address.address().v4();
    asked_ = now;
    time_point until = lease_->end;
    if (state_ == state::renewing) {
        until = lease_->rebinding;
        actions_.emplace_back(send{out.client, lease_->server, out.encode()});
    } else {
        broadcast(out);
    }
    deadline_ = std::min(until, now + std::max<duration>((until - now) / 2, least_wait));
}

void dhcp_client::received(std::span<const std::byte> bytes, time_point now) {
    const auto got = dhcp_message::parse(bytes);
    if (!got || !got->reply || got->transaction != transaction_ || got->hardware != hardware_) {
        return;
    }
    switch (got->what) {
    case kind::offer:
        take_offer(*got, now);
        return;
    case kind::ack:
        take_ack(*got, now);
        return;
    case kind::nak:
        take_nak(*got, now);
        return;
    default:
        return;
    }
}

/// The first offer is taken: nothing tells a better one.
void dhcp_client::take_offer(const dhcp_message& offer, time_point now) {
    if (state_ != state::selecting || !lease_of(offer, now)) {
        return;
    }
    offered_ = offer.yours;
    server_ = *offer.server;
    attempts_ = 0;
    state_ = state::requesting;
    request(now);
}

void dhcp_client::take_ack(const dhcp_message& ack, time_point now) {
    auto granted = lease_of(ack, asked_);
    if (!granted) {
        return;
    }
    if (state_ == state::requesting) {
        if (ack.yours != offered_ || granted->server != server_) {
            return;
        }
        granted_ = std::move(granted);
        state_ = state::checking;
        deadline_ = never;
        actions_.emplace_back(check{granted_->address});
    } else if (state_ == state::renewing || state_ == state::rebinding) {
        if (ack.yours == lease_->address.address().v4()) {
            // How long its network is stays as it was: that would be another address.
            granted->address = lease_->address;
            granted_ = std::move(granted);
            bind(now);
        }
    }
}

void dhcp_client::take_nak(const dhcp_message& nak, time_point now) {
    const bool ours = state_ == state::requesting ? nak.server == server_
                      : state_ == state::renewing ? nak.server == lease_->server
                                                  : state_ == state::rebinding;
    if (!ours) {
        return;
    }
    refusal_ = nak.text.empty() ? "refused" : nak.text;
    give_up(now);
    begin_after(pause, now);
}

void dhcp_client::checked(bool free, time_point now) {
    if (state_ != state::checking) {
        return;
    }
    if (free) {
        bind(now);
        return;
    }
    refusal_ = granted_->address.address().to_string() + " is used by another machine";
    dhcp_message out = message(kind::decline, now);
    out.requested = granted_->address.address().v4();
    out.server = granted_->server;
    broadcast(out);
    give_up(now);
    begin_after(pause, now);
}

void dhcp_client::bind(time_point now) {
    lease_ = std::exchange(granted_, {});
    refusal_.clear();
    state_ = state::bound;
    deadline_ = std::max(lease_->renewal, now);
    actions_.emplace_back(use{*lease_});
}

void dhcp_client::advance(time_point now) {
    if (now < deadline_) {
        return;
    }
    switch (state_) {
    case state::stopped:
    case state::checking:
        return;
    case state::selecting:
        discover(now);
        return;
    case state::requesting:
        if (attempts_ < max_requests) {
            request(now);
        } else {
            begin(now);
        }
        return;
    case state::waiting:
        begin(now);
        return;
    case state::bound:
        began_ = now;
        transaction_ = static_cast<std::uint32_t>(random_());
        state_ = state::renewing;
        break;
    case state::renewing:
    case state::rebinding:
        break;
    }
    if (now >= lease_->end) {
        give_up(now);
        begin(now);
        return;
    }
    if (now >= lease_->rebinding) {
        state_ = state::rebinding;
    }
    extend(now);
}

std::optional<dhcp_client::action> dhcp_client::next_action() {
    if (actions_.empty()) {
        return std::nullopt;
    }
    action first = std::move(actions_.front());
    actions_.pop_front();
    return first;
}

} // namespace runnel::inline v0::stack
