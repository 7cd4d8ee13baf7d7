// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/link/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::stack {

/// What frames of a link begin with.
enum class link_medium : std::uint8_t {
    ethernet, ///< an Ethernet header
    ip,       ///< an IP header, as on TUN devices: nobody has to be found first
};

/// What a link does for those who send. Without one of these the sender does it.
struct link_capabilities {
    bool checksum = false;       ///< makes transport checksums (`needs_checksum`)
    bool segment_tcp_v4 = false; ///< cuts, which needs `checksum`, too
    bool segment_tcp_v6 = false;
    bool segment_udp = false;

    [[nodiscard]] bool cuts(segmentation kind) const noexcept {
        switch (kind) {
        case segmentation::none:
            return true;
        case segmentation::tcp_v4:
            return segment_tcp_v4;
        case segmentation::tcp_v6:
            return segment_tcp_v6;
        case segmentation::udp:
            return segment_udp;
        }
        return false;
    }
    [[nodiscard]] static constexpr link_capabilities all() noexcept {
        return {
            .checksum = true, .segment_tcp_v4 = true, .segment_tcp_v6 = true, .segment_udp = true};
    }
    friend bool operator==(const link_capabilities&, const link_capabilities&) noexcept = default;
};

/// How a link is.
struct link_properties {
    link_medium medium = link_medium::ethernet;
    mac_address mac;
    /// The largest IP packet, in bytes: Ethernet's own header does not count.
    std::uint32_t mtu = 1500;
    link_capabilities capabilities;
};

/// What went over a link. Counters never go back; a super-segment counts as one frame.
struct link_statistics {
    std::uint64_t frames_sent = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t frames_received = 0;
    std::uint64_t bytes_received = 0;
    /// Frames that were given to `send` and went nowhere: the queue was full, the link was down.
    std::uint64_t frames_lost = 0;
};

/// Something that carries frames between machines. All calls come from one thread.
///
/// A link never calls those who use it, but for the function set by `on_ready`: frames are fetched.
class link {
public:
    using ready_function = void (*)(void* context) noexcept;

    link() = default;
    link(const link&) = delete;
    link& operator=(const link&) = delete;
    virtual ~link() = default;

    /// May change over time: a caller asks again after it was told that the link is ready.
    [[nodiscard]] virtual const link_properties& properties() const noexcept = 0;

    /// Sends a burst. The sender has done for each frame what the link has no capability for. A
    /// frame for which there is no room is dropped. False if the link is full or nearly so; it is
    /// then told to be ready again when there is room.
    virtual bool send(frame_list burst, time_point now) = 0;

    /// Whether the link has room: false after `send` gave false, until it is ready again.
    [[nodiscard]] virtual bool writable() const noexcept { return true; }

    /// Fetches frames that have come, at most `limit`.
    [[nodiscard]] virtual frame_list receive(std::size_t limit, time_point now) = 0;

    /// When `receive` is to be called even though nobody said that the link is ready.
    [[nodiscard]] virtual time_point deadline() const noexcept { return never; }

    /// Sets what is called when there may be something to receive, room to send, or a change of the
    /// properties. It may be called within a call of this or another link, and must not call links
    /// in turn. Null for nothing.
    virtual void on_ready(ready_function function, void* context) noexcept {
        ready_ = function;
        ready_context_ = context;
    }

    [[nodiscard]] virtual const link_statistics& statistics() const noexcept { return statistics_; }

protected:
    void tell_ready() noexcept {
        if (ready_ != nullptr) {
            ready_(ready_context_);
        }
    }
    void count_sent(const frame& one) noexcept {
        ++statistics_.frames_sent;
        statistics_.bytes_sent += one.size();
    }
    void count_received(const frame& one) noexcept {
        ++statistics_.frames_received;
        statistics_.bytes_received += one.size();
    }

    link_statistics statistics_;

private:
    ready_function ready_ = nullptr;
    void* ready_context_ = nullptr;
};

} // namespace runnel::inline v0::stack
