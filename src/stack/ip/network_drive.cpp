// SPDX-License-Identifier: Apache-2.0
#include "network_core.hpp"

#include <algorithm>

namespace runnel::inline v0::stack {
namespace {

/// Frames that are taken from a link at once: enough to spread what a burst costs, few enough to
/// stay in the cache.
constexpr std::size_t burst_size = 64;

} // namespace

bool network_core::pump(time_point now) {
    bool more = false;
    deliver_pending(now);
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        network_interface& one = *interfaces[i];
        frame_list burst = one.device->receive(burst_size, now);
        if (burst.empty()) {
            continue;
        }
        more |= burst.size() == burst_size;
        while (!burst.empty()) {
            frame_ptr first = burst.pop_front();
            if (!burst.empty()) {
                burst.front().prefetch();
            }
            receive_frame(one, std::move(first), now);
            if (received != nullptr) {
                received(received_context, one.number);
            }
        }
    }
    if (tcp != nullptr) {
        counters.packets_merged += merger.flush(*tcp, now);
        tcp->end_of_burst(now);
    }
    flush(now);
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        network_interface& one = *interfaces[i];
        if (one.blocked && one.device->writable()) {
            one.blocked = false;
            if (tcp != nullptr) {
                tcp->on_writable(now);
            }
            flush(now);
        }
    }
    return more;
}

time_point network_core::deadline() const noexcept {
    time_point first = fragments.deadline();
    for (const path_mtu& one : path_mtus) {
        first = std::min(first, one.until);
    }
    for (const auto& each : interfaces) {
        first =
            std::min({first, each->device->deadline(), each->neighbours.deadline(),
                      ndp_deadline(*each), each->groups_v4.deadline(), each->groups_v6.deadline()});
    }
    return first;
}

void network_core::on_timer(time_point now) {
    if (const std::size_t late = fragments.on_timer(now); late != 0) {
        counters.dropped[static_cast<std::size_t>(network_drop::reassembly_given_up)] += late;
    }
    if (std::erase_if(path_mtus, [&](const path_mtu& one) { return one.until <= now; }) != 0) {
        ++generation; // the path may take more again
    }
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        network_interface& one = *interfaces[i];
        frame_list lost;
        one.neighbours.on_timer(now, lost);
        report_lost(std::move(lost));
        ask_questions(one, now);
        on_ndp_timer(one, now);
        on_group_timer(one, now);
    }
    deliver_pending(now);
    flush(now);
}

void network_core::flush(time_point now) {
    for (const auto& each : interfaces) {
        if (!each->out.empty() && each->device->writable()) {
            each->device->send(std::move(each->out), now);
        }
    }
}

/// What went wrong with packets of TCP is told later, because nobody is told within a call.
void network_core::deliver_pending(time_point now) {
    if (pending_errors.empty()) {
        return;
    }
    std::vector<tcp_icmp_error> errors;
    errors.swap(pending_errors);
    if (tcp != nullptr) {
        for (const tcp_icmp_error& one : errors) {
            tcp->on_icmp_error(one, now);
        }
    }
}

} // namespace runnel::inline v0::stack
