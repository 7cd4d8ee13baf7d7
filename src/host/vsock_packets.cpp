// SPDX-License-Identifier: Apache-2.0
//
// What a side of a vsock device says, and what it hears.
#include "vsock_hub.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::host {
namespace {

/// Answers that may wait while the other side sends more.
constexpr std::size_t most_answers = 256;

} // namespace

// ---- what it says

void vsock_hub::speak_soon(vsock_connection& one) noexcept {
    if (!one.queued()) {
        speakers_.push_back(one);
        something_to_send();
    }
}

void vsock_hub::tell(std::uint32_t own_port, std::uint32_t peer_port, vsock_operation operation,
                     std::uint32_t flags) noexcept {
    if (up_) {
        answers_.push_back({.from_cid = options_.own_cid,
                            .to_cid = options_.peer_cid,
                            .from_port = own_port,
                            .to_port = peer_port,
                            .operation = operation,
                            .flags = flags});
        something_to_send();
    }
}

void vsock_hub::answer(const vsock_header& to, vsock_operation operation) noexcept {
    tell(to.to_port, to.from_port, operation);
    if (to.type != vsock_header::stream && !answers_.empty()) {
        answers_.back().type = to.type;
    }
}

bool vsock_hub::next(packet& out, std::size_t room) {
    while (has_next()) {
        out = packet();
        if (!answers_.empty()) {
            out.header = answers_.front();
            answers_.pop_front();
            return true;
        }
        speak(speakers_.pop_front(), out, room);
        if (out.header.operation != vsock_operation::invalid) {
            return true;
        }
    }
    return false;
}

/// The next of what a connection has to say, if there is something.
void vsock_hub::speak(vsock_connection& one, packet& out, std::size_t room) {
    vsock_header& header = out.header;
    header.from_cid = options_.own_cid;
    header.to_cid = options_.peer_cid;
    header.from_port = one.own_port_;
    header.to_port = one.peer_port_;
    if (std::exchange(one.request_is_due_, false)) {
        header.operation = vsock_operation::request;
    } else if (std::exchange(one.response_is_due_, false)) {
        header.operation = vsock_operation::response;
    } else if (one.has_data() && !one.opening_ && room > 0) {
        header.operation = vsock_operation::data;
        out.data = one.next_data(std::min(room, largest_vsock_packet));
        header.length = static_cast<std::uint32_t>(out.data.size());
        one.sent_ += header.length;
    } else if (one.end_is_due() && !one.opening_) {
        header.operation = vsock_operation::shutdown;
        header.flags = vsock_writes_no_more;
    } else if (one.room_is_due() || one.room_is_wanted_) {
        header.operation = vsock_operation::credit_update;
    } else {
        return;
    }
    one.room_is_wanted_ = false;
    one.taken_ += static_cast<std::uint32_t>(one.tell_room());
    header.room = static_cast<std::uint32_t>(one.window());
    header.taken = one.taken_;
    if ((one.has_data() && room > 0) || (one.end_is_due() && header.flags == 0) ||
        one.response_is_due_) {
        speak_soon(one);
    }
    if (header.operation == vsock_operation::shutdown) {
        one.tell_end();
    }
}

// ---- what it hears

bool vsock_hub::may_hear() const noexcept {
    return answers_.size() < most_answers;
}

void vsock_hub::hear(const vsock_header& header, buffer data) {
    if (header.from_cid != options_.peer_cid || header.to_cid != options_.own_cid) {
        return; // there is nobody else here
    }
    const auto found = table_.find(key_of(header.to_port, header.from_port));
    if (header.type != vsock_header::stream) {
        if (header.operation != vsock_operation::reset) {
            answer(header, vsock_operation::reset);
        }
        return;
    }
    if (found == table_.end()) {
        if (header.operation == vsock_operation::request) {
            hear_request(header);
        } else if (header.operation != vsock_operation::reset) {
            answer(header, vsock_operation::reset);
        }
        return;
    }
    if (found->second != nullptr) {
        hear_of(*found->second, header, std::move(data));
    } else if (header.operation == vsock_operation::reset) {
        table_.erase(found);
    } else if (header.operation == vsock_operation::shutdown &&
               (header.flags & vsock_is_gone) == vsock_is_gone) {
        answer(header, vsock_operation::reset);
    } else if (header.operation == vsock_operation::request) {
        // It has forgotten the connection that had these ports before.
        table_.erase(found);
        hear_request(header);
    }
}

void vsock_hub::hear_request(const vsock_header& header) {
    port_queue* const at = queue_of(header.to_port);
    if (at == nullptr || at->arrived.size() >= options_.backlog ||
        connections_ >= options_.max_connections) {
        answer(header, vsock_operation::reset);
        return;
    }
    auto made = std::make_unique<vsock_connection>(shared_from_this(), header.to_port,
                                                   header.from_port, options_.window);
    table_[key_of(header.to_port, header.from_port)] = made.get();
    ++connections_;
    made->hear_room(header.room);
    made->response_is_due_ = true;
    speak_soon(*made);
    at->arrived.push_back(std::move(made));
    at->changed.set();
}

void vsock_hub::hear_of(vsock_connection& one, const vsock_header& header, buffer data) {
    const auto break_off = [&](errc why, bool tell_it) {
        forget(one);
        if (tell_it) {
            answer(header, vsock_operation::reset);
        }
        fail_one(one, why);
    };
    if (header.operation == vsock_operation::reset) {
        break_off(one.opening_ ? errc::refused : errc::reset, false);
        return;
    }
    if (one.opening_ != (header.operation == vsock_operation::response)) {
        break_off(errc::protocol_error, true);
        return;
    }
    one.opening_ = false;
    // What is on its way counts; a peer that takes room back may have to wait for it.
    const std::uint32_t under_way = one.sent_ - header.taken;
    one.hear_room(header.room > under_way ? header.room - under_way : 0);
    switch (header.operation) {
    case vsock_operation::response:
        one.answered_.set();
        break;
    case vsock_operation::data:
        if (!one.hear_data(std::move(data))) {
            break_off(errc::protocol_error, true);
        }
        break;
    case vsock_operation::shutdown:
        hear_shutdown(one, header.flags);
        break;
    case vsock_operation::credit_request:
        one.room_is_wanted_ = true;
        speak_soon(one);
        break;
    case vsock_operation::credit_update:
        break;
    default:
        break_off(errc::protocol_error, true);
    }
}

void vsock_hub::hear_shutdown(vsock_connection& one, std::uint32_t flags) {
    one.shut_ |= flags & vsock_is_gone;
    if (one.shut_ == vsock_is_gone) {
        forget(one);
        tell(one.own_port_, one.peer_port_, vsock_operation::reset);
        one.hear_gone();
    } else if ((one.shut_ & vsock_writes_no_more) != 0 && !one.heard_end()) {
        one.hear_end();
    } else if ((one.shut_ & vsock_reads_no_more) != 0) {
        one.hear_deaf();
    }
}

} // namespace runnel::inline v0::host
