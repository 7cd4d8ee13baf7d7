// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/time_wait.hpp"

#include "runnel/stack/tcp_sender.hpp"

namespace runnel::inline v0::stack {

time_wait_entry::verdict time_wait_entry::take(const tcp_header& header, std::uint32_t length,
                                               duration span, time_point now) noexcept {
    if (header.is_reset()) {
        return verdict::ignore; // RFC 1337 3: TIME-WAIT is not to be assassinated
    }
    if (header.is_syn() && !header.acknowledges) {
        // RFC 6191 2: a later incarnation, by its clock or by its places.
        if (timestamps && header.timestamps) {
            const auto age = static_cast<std::int32_t>(header.timestamps->value - peer_timestamp);
            if (age > 0 || (age == 0 && header.number > expected)) {
                return verdict::reopen;
            }
            return verdict::acknowledge;
        }
        return header.number > expected ? verdict::reopen : verdict::acknowledge;
    }
    if (header.is_fin() && header.number + length == expected) {
        expires = now + span; // our last acknowledgment was lost
        return verdict::acknowledge;
    }
    // Anything that carries something is answered, an acknowledgment is not: two stacks in this
    // state must not answer each other for ever.
    return length > 0 ? verdict::acknowledge : verdict::ignore;
}

void time_wait_entry::acknowledge(tcp_header& out, time_point now) const noexcept {
    out.number = next;
    out.ack = expected;
    out.acknowledges = true;
    if (timestamps) {
        out.timestamps = tcp_timestamps{timestamp_clock(now) + timestamp_offset, peer_timestamp};
    }
}

} // namespace runnel::inline v0::stack
