// SPDX-License-Identifier: Apache-2.0
//
// What a multiplexer says on its link, and what it hears there.
#include "mux_session.hpp"
#include "runnel/async/deadline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Bytes fetched from channels before they are written: what takes turns waits in the channels.
constexpr std::size_t outbox_size = std::size_t{4} * mux_largest;
/// Messages there, when a peer opens channels that are refused and does not read the answers.
constexpr std::size_t most_answers = std::size_t{16} * 1024;
/// Buffers that one write to the link takes: what its list holds without allocating.
constexpr std::size_t pieces_at_once = 4;
constexpr std::size_t read_size = std::size_t{64} * 1024;
/// How long the link may take to end after both sides are done.
constexpr duration longest_farewell = std::chrono::seconds(10);

} // namespace

// ---- what it says

void mux_session::tell(mux_kind kind, std::uint32_t channel, std::uint32_t value) {
    outbox_.push_back(encode_mux({.kind = kind, .channel = channel, .value = value}));
    work_.set();
}

/// Lets a channel say what it has to, of data one message.
void mux_session::speak(mux_channel& one) {
    speaking_ = true;
    if (std::exchange(one.answer_is_due, false)) {
        tell(mux_kind::opened, one.id());
    }
    if (one.room_is_due()) {
        tell(mux_kind::window, one.id(), static_cast<std::uint32_t>(one.tell_room()));
    }
    if (one.has_data()) {
        buffer data = one.next_data(mux_largest);
        tell(mux_kind::data, one.id(), static_cast<std::uint32_t>(data.size()));
        outbox_.push_back(std::move(data));
    }
    speaking_ = false;
    if (one.has_data()) {
        speak_soon(one);
    } else if (one.end_is_due()) {
        tell(mux_kind::end, one.id());
        one.tell_end();
    }
}

void mux_session::fill_outbox() {
    while (!speakers_.empty() && outbox_.bytes() < outbox_size) {
        speak(speakers_.pop_front());
    }
    if ((retired_ || peer_retired_) && channels_.empty() && !close_told_) {
        close_told_ = true;
        tell(mux_kind::close, 0);
    }
}

task<void> mux_session::pump_output(std::shared_ptr<mux_session> self) {
    co_await self->send_all();
    if (!self->broken_) {
        // Both sides have said all, so that nothing can be lost any more, whatever this gives.
        const auto closed = co_await with_timeout(longest_farewell, self->link_->close());
        static_cast<void>(closed);
    }
    self->link_->abort();
}

/// Until nothing is to be sent any more, or nothing can be.
task<void> mux_session::send_all() {
    for (;;) {
        if (!broken_) {
            fill_outbox();
        }
        if (broken_ || (outbox_.empty() && is_over())) {
            break;
        }
        if (!outbox_.empty()) {
            const result<void> sent = co_await send_some();
            if (!sent) {
                break_down(sent.error());
            }
        } else if (departures_wanted_) {
            departures_wanted_ = false;
            const result<void> flushed = co_await link_->flush();
            if (!flushed) {
                break_down(flushed.error());
            }
            for (const auto& [id, one] : channels_) {
                one->hear_departure();
            }
        } else {
            const result<void> woken = co_await work_.wait();
            if (!woken) {
                break_down(woken.error());
            }
        }
    }
}

task<result<void>> mux_session::send_some() {
    buffer_list pieces;
    for (std::size_t i = 0; i < std::min(outbox_.size(), pieces_at_once); ++i) {
        pieces.push_back(outbox_[i].share());
    }
    const write_result written = co_await link_->writev(std::move(pieces));
    if (!outbox_.empty()) { // unless everything broke down meanwhile
        outbox_.consume(written.accepted());
    }
    if (!written) {
        co_return fail(written.error());
    }
    co_return result<void>();
}

// ---- what it hears

task<void> mux_session::pump_input(std::shared_ptr<mux_session> self) {
    while (!self->broken_ && !self->input_over_) {
        result<buffer> got = co_await self->link_->read(read_size);
        if (got) {
            self->hear(std::move(*got));
        } else {
            self->input_ended(got.error());
        }
    }
}

void mux_session::hear(buffer data) {
    while (!data.empty() && !broken_) {
        std::size_t used = 0;
        std::size_t bytes = 0;
        const mux_parser::found what = parser_.next(data.span(), used, bytes);
        data.remove_prefix(used);
        bool fine = what != mux_parser::found::bad;
        if (what == mux_parser::found::frame) {
            fine = hear_frame();
        } else if (what == mux_parser::found::bytes) {
            buffer front = data.take_front(bytes);
            mux_channel* const one = find(parser_.frame().channel);
            fine = one == nullptr || one->hear_data(std::move(front));
        }
        if (!fine) {
            const mux_frame& frame = parser_.frame();
            break_down(
                error(errc::protocol_error,
                      fmt::format("mux: message {} of channel {} with {} may not come here",
                                  static_cast<unsigned>(frame.kind), frame.channel, frame.value)));
        }
    }
}

/// Whether the message may come.
bool mux_session::hear_frame() {
    const mux_frame& frame = parser_.frame();
    switch (frame.kind) {
    case mux_kind::hello:
        return hear_hello();
    case mux_kind::open:
        return hear_open();
    case mux_kind::close:
        peer_retired_ = true;
        work_.set();
        return true;
    default:
        break;
    }
    mux_channel* const one = find(frame.channel);
    // What was under way when a channel ended comes late.
    return one == nullptr ? was_open(frame.channel) : hear_of(*one);
}

bool mux_session::hear_of(mux_channel& one) {
    switch (parser_.frame().kind) {
    case mux_kind::opened:
        if (!std::exchange(one.opening, false)) {
            return false;
        }
        one.answered.set();
        break;
    case mux_kind::data:
        return !one.opening && !one.heard_end();
    case mux_kind::window:
        if (one.opening || one.room() + parser_.frame().value > mux_most_room) {
            return false;
        }
        one.hear_more_room(parser_.frame().value);
        break;
    case mux_kind::end:
        if (one.opening || one.heard_end()) {
            return false;
        }
        one.hear_end();
        break;
    case mux_kind::reset: {
        channels_.erase(one.id());
        one.leave_queue();
        work_.set();
        const bool refused = one.opening;
        const bool waits =
            std::ranges::find(arrived_, &one, &std::unique_ptr<mux_channel>::get) != arrived_.end();
        one.hear_failure(refused ? errc::refused : errc::reset);
        one.answered.set();
        if (waits) {
            std::erase_if(arrived_, [&](const auto& each) { return each.get() == &one; });
        }
        break;
    }
    default:
        break;
    }
    return true;
}

bool mux_session::hear_hello() {
    room_ = parser_.frame().value;
    for (const auto& [id, one] : channels_) {
        one->hear_room(room_);
    }
    return true;
}

bool mux_session::hear_open() {
    const std::uint32_t id = parser_.frame().channel;
    if (is_ours(id) || id <= last_heard_) {
        return false;
    }
    last_heard_ = id;
    if (retired_ || arrived_.size() >= options_.backlog ||
        channels_.size() >= options_.max_channels) {
        tell(mux_kind::reset, id);
        return outbox_.size() <= most_answers;
    }
    auto made = std::make_unique<mux_channel>(shared_from_this(), id, options_.window);
    made->hear_room(room_);
    made->answer_is_due = true;
    channels_.emplace(id, made.get());
    speak_soon(*made);
    arrived_.push_back(std::move(made));
    arrival_.set();
    return true;
}

} // namespace runnel::inline v0
