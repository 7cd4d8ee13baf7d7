// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest_memory.hpp"
#include "runnel/async/timer.hpp"
#include "virtqueue.hpp"
#include "vsock_hub.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace runnel::inline v0::host {

/// A vsock device without a way to its guest: the host's side of the connections, and the two
/// queues in the guest's memory through which packets go. Whoever derives from it brings the
/// guest's notices and takes ours.
class vsock_engine : public vsock_hub, private timer {
public:
    /// The queues: packets to the guest, and from it. A third, of events, stays with the
    /// hypervisor.
    static constexpr std::size_t to_guest = 0;
    static constexpr std::size_t from_guest = 1;
    static constexpr std::size_t queues = 2;

    explicit vsock_engine(const vsock_hub_options& options) : vsock_hub(options), timer(&go_on) {}
    ~vsock_engine() override = default;

    /// The guest's memory from now on; queues that run go on in it, at their places.
    [[nodiscard]] result<void> use(guest_memory memory);
    [[nodiscard]] result<void> start_queue(std::size_t index, const virtqueue::place& at);
    /// Gives the entry at which the queue would go on.
    std::uint16_t stop_queue(std::size_t index) noexcept;
    /// The guest is not there any more: all queues stop, and connections end.
    void stop_all(const error& why) noexcept;

    /// The guest has put something into its queues.
    void notice() noexcept { run(); }
    /// Why the queues were stopped, if the guest broke the rules.
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

protected:
    /// Tells the guest that there is something new in a queue.
    virtual void interrupt(std::size_t queue) noexcept = 0;

private:
    void something_to_send() noexcept final;
    void run() noexcept;
    void take_packets();
    void take_packet(const descriptor_chain& chain);
    void send_packets();
    void break_down(const error& why) noexcept;
    static void go_on(timer& self) noexcept;

    guest_memory memory_;
    std::array<virtqueue, queues> queues_;
    std::array<virtqueue::place, queues> places_{};
    std::optional<error> failure_;
    bool running_ = false; // within `run`
};

} // namespace runnel::inline v0::host
