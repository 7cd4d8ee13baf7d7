// SPDX-License-Identifier: Apache-2.0
#include "vsock_engine.hpp"

#include "runnel/async/loop.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace runnel::inline v0::host {
namespace {

/// Packets from the guest in one turn of the loop, so that a guest that never stops leaves time to
/// others.
constexpr std::size_t packets_a_turn = 256;

} // namespace

result<void> vsock_engine::use(guest_memory memory) {
    std::array<bool, queues> ran{};
    for (std::size_t index = 0; index < queues; ++index) {
        ran[index] = queues_[index].running();
        if (ran[index]) {
            places_[index].base = queues_[index].base();
            queues_[index].stop();
        }
    }
    memory_ = std::move(memory);
    for (std::size_t index = 0; index < queues; ++index) {
        if (ran[index]) {
            if (auto started = queues_[index].start(memory_, places_[index]); !started) {
                return started;
            }
        }
    }
    return {};
}

result<void> vsock_engine::start_queue(std::size_t index, const virtqueue::place& at) {
    if (auto started = queues_[index].start(memory_, at); !started) {
        return started;
    }
    places_[index] = at;
    if (std::ranges::all_of(queues_, &virtqueue::running)) {
        come_up();
    }
    run();
    return {};
}

std::uint16_t vsock_engine::stop_queue(std::size_t index) noexcept {
    const std::uint16_t base =
        queues_[index].running() ? queues_[index].base() : places_[index].base;
    places_[index].base = base;
    queues_[index].stop();
    go_down(error(errc::reset, "the guest's vsock device was stopped"));
    return base;
}

void vsock_engine::stop_all(const error& why) noexcept {
    cancel();
    for (virtqueue& each : queues_) {
        each.stop();
    }
    go_down(why);
    memory_ = guest_memory();
    failure_.reset();
}

void vsock_engine::break_down(const error& why) noexcept {
    failure_ = why;
    for (virtqueue& each : queues_) {
        each.stop();
    }
    go_down(error(errc::reset, "the guest broke the rules: " + why.message()));
}

void vsock_engine::something_to_send() noexcept {
    run();
}

void vsock_engine::go_on(timer& self) noexcept {
    static_cast<vsock_engine&>(self).run();
}

/// Moves packets both ways as far as they go. What it calls may call it again, which then does
/// nothing: the packets are seen before it ends.
void vsock_engine::run() noexcept {
    if (std::exchange(running_, true)) {
        return;
    }
    take_packets();
    send_packets();
    for (std::size_t index = 0; index < queues; ++index) {
        if (queues_[index].take_notice()) {
            interrupt(index);
        }
    }
    running_ = false;
    if (queues_[from_guest].has_next() && may_hear()) {
        loop& here = loop::current();
        here.arm(*this, here.now());
    }
}

void vsock_engine::take_packets() {
    virtqueue& queue = queues_[from_guest];
    for (std::size_t taken = 0; taken < packets_a_turn && may_hear(); ++taken) {
        const auto chain = queue.next();
        if (!chain) {
            break_down(chain.error());
            return;
        }
        if (!*chain) {
            return;
        }
        take_packet(**chain);
        send_packets(); // answers, so that few wait
    }
}

/// A packet that is too short for what it says is dropped, as one from somebody else.
void vsock_engine::take_packet(const descriptor_chain& chain) {
    std::optional<vsock_header> header;
    buffer data;
    if (chain.readable() >= vsock_header::size) {
        std::array<std::byte, vsock_header::size> bytes{};
        chain.copy_out(0, bytes);
        header = vsock_header::decode(bytes);
        const bool fits = header->length <= largest_vsock_packet &&
                          header->length <= chain.readable() - vsock_header::size;
        if (!fits) {
            header.reset();
        } else if (header->operation == vsock_operation::data && header->length > 0) {
            data = buffer::allocate(header->length, 0, 0);
            chain.copy_out(vsock_header::size, data.writable());
        }
    }
    queues_[from_guest].done(chain, 0);
    if (header) {
        hear(*header, std::move(data));
    }
}

void vsock_engine::send_packets() {
    virtqueue& queue = queues_[to_guest];
    while (has_next() && queue.has_next()) {
        const auto chain = queue.next();
        if (!chain || (*chain)->writable() < vsock_header::size) {
            break_down(chain ? error(errc::protocol_error, "a buffer is too small for a packet")
                             : chain.error());
            return;
        }
        const descriptor_chain& into = **chain;
        packet one;
        if (!next(one, into.writable() - vsock_header::size)) {
            queue.put_back(); // who wanted to say something has changed its mind
            return;
        }
        into.copy_in(0, one.header.encode());
        into.copy_in(vsock_header::size, one.data.span());
        queue.done(into, static_cast<std::uint32_t>(vsock_header::size + one.data.size()));
    }
}

} // namespace runnel::inline v0::host
