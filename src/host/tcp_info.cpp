// SPDX-License-Identifier: Apache-2.0
#include "tcp_flow.hpp"

#include <cerrno>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {

result<tcp_information> kernel_tcp_flow::info() const {
    const result<int> fd = socket();
    if (!fd) {
        return fail(fd.error());
    }
    ::tcp_info raw{}; // a kernel that knows less fills in less
    socklen_t size = sizeof raw;
    if (::getsockopt(*fd, IPPROTO_TCP, TCP_INFO, &raw, &size) != 0) {
        return fail(error::from_errno(errno, "TCP_INFO"));
    }
    using std::chrono::microseconds;
    return tcp_information{
        .state = static_cast<tcp_state>(raw.tcpi_state),
        .round_trip = microseconds(raw.tcpi_rtt),
        .round_trip_variation = microseconds(raw.tcpi_rttvar),
        .minimum_round_trip = microseconds(raw.tcpi_min_rtt),
        .retransmission_timeout = microseconds(raw.tcpi_rto),
        .send_mss = raw.tcpi_snd_mss,
        .receive_mss = raw.tcpi_rcv_mss,
        .path_mtu = raw.tcpi_pmtu,
        .congestion_window = raw.tcpi_snd_cwnd,
        .slow_start_threshold = raw.tcpi_snd_ssthresh,
        .receive_space = raw.tcpi_rcv_space,
        .send_window = raw.tcpi_snd_wnd,
        .unacknowledged = raw.tcpi_unacked,
        .lost = raw.tcpi_lost,
        .not_sent = raw.tcpi_notsent_bytes,
        .retransmissions = raw.tcpi_total_retrans,
        .bytes_sent = raw.tcpi_bytes_sent,
        .bytes_acknowledged = raw.tcpi_bytes_acked,
        .bytes_received = raw.tcpi_bytes_received,
        .bytes_retransmitted = raw.tcpi_bytes_retrans,
        .pacing_rate = raw.tcpi_pacing_rate,
        .delivery_rate = raw.tcpi_delivery_rate,
    };
}

std::string_view to_string(tcp_state state) noexcept {
    switch (state) {
    case tcp_state::established:
        return "ESTABLISHED";
    case tcp_state::syn_sent:
        return "SYN-SENT";
    case tcp_state::syn_received:
        return "SYN-RECEIVED";
    case tcp_state::fin_wait_1:
        return "FIN-WAIT-1";
    case tcp_state::fin_wait_2:
        return "FIN-WAIT-2";
    case tcp_state::time_wait:
        return "TIME-WAIT";
    case tcp_state::closed:
        return "CLOSED";
    case tcp_state::close_wait:
        return "CLOSE-WAIT";
    case tcp_state::last_ack:
        return "LAST-ACK";
    case tcp_state::listen:
        return "LISTEN";
    case tcp_state::closing:
        return "CLOSING";
    }
    return "unknown";
}

} // namespace runnel::inline v0::host
