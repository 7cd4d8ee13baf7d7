// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/ip_address.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace runnel::inline v0::stack {

/// What the fragments of one packet have in common (RFC 791 2.3, RFC 8200 4.5).
struct fragment_key {
    ip_address source;
    ip_address destination;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;
    friend bool operator==(const fragment_key&, const fragment_key&) noexcept = default;
};

/// A piece of a packet.
struct fragment {
    fragment_key key;
    std::uint32_t offset = 0; ///< bytes, a multiple of 8
    bool more = false;        ///< others follow
    bool congestion_marked = false;
    buffer header;  ///< the IP headers to put in front; used of the first fragment
    buffer payload; ///< not empty
};

/// Puts packets together from fragments that come in any order.
///
/// Fragments that overlap end their packet, as attacks need them and nobody else (RFC 5722, RFC
/// 8200 4.5); exact copies are ignored. Packets, fragments, bytes and time are bounded.
class reassembly {
public:
    struct limits {
        /// How long all fragments of a packet may take from the first on (RFC 8200 4.5: 60 s;
        /// Linux: 30 s).
        duration timeout = std::chrono::seconds(30);
        std::size_t packets = 256;
        /// Enough for 65,535 bytes over a path of 576.
        std::size_t fragments = 128;
        /// Memory of all packets together; the oldest packet makes room.
        std::size_t bytes = std::size_t{4} << 20U;
    };
    enum class outcome : std::uint8_t {
        waiting,
        complete,
        refused,  ///< the fragment, and with it the packet, was impossible
        given_up, ///< waiting, and others were dropped to make room
    };
    struct packet {
        buffer header;
        buffer payload;
        bool congestion_marked = false;
    };

    explicit reassembly(const limits& bounds) : limits_(bounds) {}

    /// Takes a fragment. `out` is only set when the packet is complete.
    outcome add(fragment piece, packet& out, time_point now);

    [[nodiscard]] time_point deadline() const noexcept {
        return packets_.empty() ? never : packets_.front().until;
    }
    /// Drops what is too old, and says how many packets that were.
    std::size_t on_timer(time_point now);

    [[nodiscard]] std::size_t packets() const noexcept { return packets_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    struct piece {
        std::uint32_t offset;
        buffer payload;
        [[nodiscard]] std::uint32_t end() const noexcept {
            return offset + static_cast<std::uint32_t>(payload.size());
        }
    };
    struct entry {
        fragment_key key;
        time_point until;
        buffer header;
        std::vector<piece> pieces; // by offset, apart from each other
        std::uint32_t received = 0;
        std::uint32_t size = 0; // once the last one came
        std::size_t footprint = 0;
        bool congestion_marked = false;
    };
    using entries = std::list<entry>;

    entries::iterator find_or_add(const fragment_key& key, time_point now);
    void drop(entries::iterator gone) noexcept;
    [[nodiscard]] static bool insert(entry& into, fragment& what, bool& duplicate);

    limits limits_;
    entries packets_; // the oldest first
    std::size_t bytes_ = 0;
};

} // namespace runnel::inline v0::stack
