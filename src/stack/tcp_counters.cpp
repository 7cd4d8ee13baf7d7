// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_counters.hpp"

namespace runnel::inline v0::stack {

std::string_view name(tcp_drop reason) noexcept {
    switch (reason) {
    case tcp_drop::truncated:
        return "truncated";
    case tcp_drop::bad_checksum:
        return "bad_checksum";
    case tcp_drop::bad_option:
        return "bad_option";
    case tcp_drop::bad_flags:
        return "bad_flags";
    case tcp_drop::no_connection:
        return "no_connection";
    case tcp_drop::outside_window:
        return "outside_window";
    case tcp_drop::duplicate:
        return "duplicate";
    case tcp_drop::old_timestamp:
        return "old_timestamp";
    case tcp_drop::inexact_reset:
        return "inexact_reset";
    case tcp_drop::unexpected_syn:
        return "unexpected_syn";
    case tcp_drop::no_ack:
        return "no_ack";
    case tcp_drop::bad_ack:
        return "bad_ack";
    case tcp_drop::after_end:
        return "after_end";
    case tcp_drop::reassembly_limit:
        return "reassembly_limit";
    case tcp_drop::backlog_full:
        return "backlog_full";
    case tcp_drop::bad_cookie:
        return "bad_cookie";
    case tcp_drop::closed:
        return "closed";
    }
    return "unknown";
}

} // namespace runnel::inline v0::stack
