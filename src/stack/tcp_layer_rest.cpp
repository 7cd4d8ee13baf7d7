// SPDX-License-Identifier: Apache-2.0
// Connections at rest, and which may go there.
#include "runnel/stack/recycled.hpp"
#include "runnel/stack/tcp_layer.hpp"

#include <chrono>
#include <new>

namespace runnel::inline v0::stack {

namespace {

// So long nothing happens before a connection rests: longer than what is measured by the time
// between segments, and seldom in the middle of a conversation. Waking costs some 100 ns.
constexpr duration rest_after = std::chrono::seconds(1);

template <class... Arguments>
tcp_awake* make_awake(Arguments&&... arguments) {
    return ::new (take_recycled(sizeof(tcp_awake))) tcp_awake(arguments...);
}

void destroy(tcp_awake* awake) noexcept {
    awake->~tcp_awake();
    give_recycled(awake, sizeof(tcp_awake));
}

} // namespace

static_assert(sizeof(tcp_entry) <= 232, "an idle connection stays small");

// ---- entries

tcp_entry::tcp_entry(tcp_layer& layer, tcp_environment& environment, const tcp_key& key,
                     sequence first, std::uint32_t timestamp_offset)
    : timer(&fire), key_(key), layer_(&layer),
      awake_(make_awake(environment, key, first, timestamp_offset)) {}

tcp_entry::~tcp_entry() {
    if (awake_ != nullptr) {
        destroy(awake_);
    } else {
        --layer_->resting_;
    }
}

void tcp_entry::fire(timer& self) noexcept {
    auto& entry = static_cast<tcp_entry&>(self);
    const time_point now = entry.layer_->now_;
    if (entry.awake_ == nullptr) {
        entry.wake(now); // what is due now is all that one at rest waits for
    }
    entry.awake_->engine.on_timer(now);
    entry.layer_->mark(entry);
}

tcp_awake& tcp_entry::wake(time_point idle_deadline) {
    awake_ = make_awake(layer_->environment_, key_, sequence(), rest_.timestamp_offset);
    awake_->engine.wake(rest_, idle_deadline);
    rest_.patience.reset();
    --layer_->resting_;
    return *awake_;
}

/// Requires that the engine may rest, and that nobody refers to what is awake.
void tcp_entry::rest() {
    const time_point due = awake_->engine.deadline();
    rest_ = awake_->engine.rest(awake_->queued_at);
    if (due == never) {
        cancel();
    } else {
        layer_->timers_.arm(*this, due);
    }
    destroy(std::exchange(awake_, nullptr));
    ++layer_->resting_;
}

tcp_info tcp_entry::info(time_point now) const {
    if (awake_ != nullptr) {
        return awake_->engine.info(now);
    }
    tcp_connection engine(layer_->environment_, key_.local_port, key_.remote_port, sequence(),
                          rest_.timestamp_offset);
    engine.wake(rest_, never);
    return engine.info(now);
}

// ---- the queue

tcp_layer::rest_timer::rest_timer(tcp_layer& owner) noexcept
    : timer([](timer& self) noexcept { static_cast<rest_timer&>(self).layer->on_rest_timer(); }),
      layer(&owner) {}

void tcp_layer::queue_for_rest(tcp_entry& entry, time_point now) noexcept {
    tcp_awake& awake = *entry.awake_;
    awake.queued = true;
    awake.used = false;
    awake.queued_at = now;
    awake.older = newest_used_;
    awake.newer = nullptr;
    (newest_used_ == nullptr ? oldest_used_ : newest_used_->awake_->newer) = &entry;
    newest_used_ = &entry;
}

void tcp_layer::unwatch_rest(tcp_entry& entry) noexcept {
    if (entry.awake_ == nullptr || !entry.awake_->queued) {
        return;
    }
    tcp_awake& awake = *entry.awake_;
    awake.queued = false;
    (awake.older == nullptr ? oldest_used_ : awake.older->awake_->newer) = awake.newer;
    (awake.newer == nullptr ? newest_used_ : awake.newer->awake_->older) = awake.older;
}

/// A connection was used. It is looked at after `rest_after`, and then again after as long if it
/// was used meanwhile: an O(1) share of a second's work for each that is in use, and a timer only
/// while there are such.
void tcp_layer::watch_rest(tcp_entry& entry, time_point now) {
    if (entry.awake_->queued) {
        entry.awake_->used = true;
        return;
    }
    queue_for_rest(entry, now);
    if (!rest_timer_.armed()) {
        timers_.arm(rest_timer_, oldest_used_->awake_->queued_at + rest_after);
    }
}

void tcp_layer::on_rest_timer() {
    while (oldest_used_ != nullptr && oldest_used_->awake_->queued_at + rest_after <= now_) {
        tcp_entry& entry = *oldest_used_;
        const bool used = entry.awake_->used || entry.dirty_;
        unwatch_rest(entry);
        if (used) {
            queue_for_rest(entry, now_);
        } else if (!entry.updating_ && entry.user_ != nullptr && entry.awake_->engine.may_rest()) {
            entry.rest();
        } // else it is watched again when it is used
    }
    if (oldest_used_ != nullptr) {
        timers_.arm(rest_timer_, oldest_used_->awake_->queued_at + rest_after);
    }
}

} // namespace runnel::inline v0::stack
