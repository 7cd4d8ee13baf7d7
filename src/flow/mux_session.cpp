// SPDX-License-Identifier: Apache-2.0
#include "mux_session.hpp"

#include "detached.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace runnel::inline v0 {
namespace {

error broken_link(const error& why) {
    return {errc::reset, fmt::format("mux: the link ended: {}", why.message())};
}

} // namespace

// ---- a channel

mux_channel::mux_channel(std::shared_ptr<mux_session> session, std::uint32_t id, std::size_t window)
    : credit_flow(window), session_(std::move(session)), id_(id) {}

flow_address mux_channel::local() const {
    return {"mux", fmt::format("{}#{}", session_->link().local().to_string(), id_)};
}

flow_address mux_channel::remote() const {
    return {"mux", fmt::format("{}#{}", session_->link().remote().to_string(), id_)};
}

void mux_channel::something_to_tell() noexcept {
    session_->speak_soon(*this);
}

void mux_channel::left(bool cleanly) noexcept {
    session_->forget(*this, cleanly);
}

bool mux_channel::has_left() const noexcept {
    return session_->all_has_left();
}

// ---- the session

mux_session::mux_session(flow_ptr link, mux_side side, const mux_options& options)
    : link_(std::move(link)), options_(options), next_(side == mux_side::connecting ? 1 : 2) {
    options_.window = std::clamp<std::size_t>(options.window, mux_least_window, mux_most_room);
}

void mux_session::start() {
    tell(mux_kind::hello, mux_mark, static_cast<std::uint32_t>(options_.window));
    run_detached(pump_input(shared_from_this()), "mux input");
    run_detached(pump_output(shared_from_this()), "mux output");
}

void mux_session::retire() noexcept {
    retired_ = true;
    const auto dropped = std::exchange(arrived_, {});
    work_.set();
}

task<result<flow_ptr>> mux_session::connect(std::shared_ptr<mux_session> self) {
    if (self->end_) {
        co_return fail(*self->end_);
    }
    if (!self->usable()) {
        co_return fail(errc::closed, "mux: the peer takes no more channels");
    }
    if (self->channels_.size() >= self->options_.max_channels || self->next_ >= mux_most_room) {
        co_return fail(errc::limit_exceeded, "mux: too many channels");
    }
    auto made = std::make_unique<mux_channel>(self, self->next_, self->options_.window);
    self->next_ += 2;
    self->channels_.emplace(made->id(), made.get());
    made->opening = true;
    made->hear_room(self->room_);
    self->tell(mux_kind::open, made->id());
    const result<void> answered = co_await made->answered.wait();
    if (!answered) {
        co_return fail(answered.error());
    }
    if (made->refusal()) {
        co_return fail(*made->refusal());
    }
    co_return std::move(made);
}

task<result<flow_ptr>> mux_session::accept(std::shared_ptr<mux_session> self) {
    if (self->accepting_) {
        co_return fail(errc::busy);
    }
    while (self->arrived_.empty()) {
        if (self->end_) {
            co_return fail(*self->end_);
        }
        if (self->retired_) {
            co_return fail(errc::closed);
        }
        self->accepting_ = true;
        const result<void> woken = co_await self->arrival_.wait();
        self->accepting_ = false;
        if (!woken) {
            co_return fail(woken.error());
        }
    }
    flow_ptr next = std::move(self->arrived_.front());
    self->arrived_.pop_front();
    co_return next;
}

void mux_session::speak_soon(mux_channel& one) noexcept {
    if (!one.queued()) {
        speakers_.push_back(one);
        work_.set();
    }
}

void mux_session::forget(mux_channel& one, bool cleanly) noexcept {
    one.leave_queue();
    channels_.erase(one.id());
    if (!cleanly && !broken_ && !input_over_) {
        tell(mux_kind::reset, one.id());
    }
    retired_ = retired_ || (options_.transient && channels_.empty());
    work_.set();
}

bool mux_session::all_has_left() noexcept {
    departures_wanted_ = (speaking_ || !outbox_.empty()) && !broken_;
    return !departures_wanted_;
}

mux_channel* mux_session::find(std::uint32_t id) noexcept {
    const auto found = channels_.find(id);
    return found == channels_.end() ? nullptr : found->second;
}

/// Whether what comes late for a channel may be meant for it.
bool mux_session::was_open(std::uint32_t id) const noexcept {
    return is_ours(id) ? id < next_ : id <= last_heard_;
}

bool mux_session::is_over() const noexcept {
    return channels_.empty() && (input_over_ || (close_told_ && peer_retired_));
}

/// The link gives no more: in order, if nothing was under way.
void mux_session::input_ended(const error& why) noexcept {
    const bool in_order = why == errc::end && channels_.empty() && parser_.is_between();
    if (!in_order) {
        break_down(why == errc::end ? error(errc::truncated, "mux: it stopped in the middle")
                                    : why);
        return;
    }
    input_over_ = true;
    end_ = errc::end;
    work_.set();
    arrival_.set();
}

void mux_session::break_down(const error& why) noexcept {
    if (std::exchange(broken_, true)) {
        return;
    }
    end_ = why;
    const auto all = std::exchange(channels_, {});
    const auto dropped = std::exchange(arrived_, {});
    for (const auto& [id, one] : all) {
        one->leave_queue();
        if (std::ranges::find(dropped, one, &std::unique_ptr<mux_channel>::get) == dropped.end()) {
            one->hear_failure(broken_link(why));
            one->answered.set();
        }
    }
    outbox_.clear();
    link_->abort();
    work_.set();
    arrival_.set();
}

} // namespace runnel::inline v0
