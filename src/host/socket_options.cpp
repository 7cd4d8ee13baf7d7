// SPDX-License-Identifier: Apache-2.0
#include "socket_options.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

/// Applies settings until the first that fails.
class settings {
public:
    explicit settings(int fd) noexcept : fd_(fd) {}

    template <class Value>
    settings& set(bool wanted, int level, int option, Value value, std::string_view name) {
        if (wanted && outcome_) {
            outcome_ = set_option(fd_, level, option, value, name);
        }
        return *this;
    }
    [[nodiscard]] result<void>& outcome() noexcept { return outcome_; }

private:
    int fd_;
    result<void> outcome_;
};

int whole_seconds(std::chrono::milliseconds span) {
    constexpr int most = 32767; // of the kernel, for keepalive
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(span).count();
    return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, most));
}

int as_int(std::uint32_t value) {
    return static_cast<int>(std::min<std::uint32_t>(value, INT32_MAX));
}

result<void> outcome_of(int status, std::string_view name) {
    if (status != 0) {
        return fail(error::from_errno(errno, std::string(name)));
    }
    return {};
}

} // namespace

result<unique_fd> open_socket(int family, int type) {
    unique_fd opened(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!opened) {
        return fail(error::from_errno(errno));
    }
    return opened;
}

result<void> set_option(int fd, int level, int option, int value, std::string_view name) {
    return outcome_of(::setsockopt(fd, level, option, &value, sizeof value), name);
}

result<void> set_option(int fd, int level, int option, std::string_view value,
                        std::string_view name) {
    return outcome_of(
        ::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())), name);
}

result<void> set_send_buffer(int fd, std::uint32_t bytes) {
    return settings(fd)
        .set(bytes != 0, SOL_SOCKET, SO_SNDBUF, as_int(bytes), "send buffer")
        .outcome();
}

result<void> set_keepalive(int fd, const std::optional<tcp_keepalive>& probes) {
    const tcp_keepalive values = probes.value_or(tcp_keepalive());
    return settings(fd)
        .set(true, SOL_SOCKET, SO_KEEPALIVE, probes ? 1 : 0, "keepalive")
        .set(values.after.count() > 0, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(values.after),
             "keepalive")
        .set(values.interval.count() > 0, IPPROTO_TCP, TCP_KEEPINTVL,
             whole_seconds(values.interval), "keepalive")
        .set(values.count > 0, IPPROTO_TCP, TCP_KEEPCNT, values.count, "keepalive")
        .outcome();
}

result<void> set_user_timeout(int fd, std::chrono::milliseconds limit) {
    const auto span = std::clamp<std::int64_t>(limit.count(), 0, INT32_MAX);
    return set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(span), "user timeout");
}

result<void> set_congestion_control(int fd, std::string_view name) {
    return set_option(fd, IPPROTO_TCP, TCP_CONGESTION, name, "congestion control");
}

result<void> apply_options(int fd, int family, const tcp_options& options) {
    settings all(fd);
    all.set(options.nodelay, IPPROTO_TCP, TCP_NODELAY, 1, "nodelay")
        .set(options.cork, IPPROTO_TCP, TCP_CORK, 1, "cork")
        .set(options.send_buffer != 0, SOL_SOCKET, SO_SNDBUF, as_int(options.send_buffer),
             "send buffer")
        .set(options.receive_buffer != 0, SOL_SOCKET, SO_RCVBUF, as_int(options.receive_buffer),
             "receive buffer")
        .set(!options.congestion_control.empty(), IPPROTO_TCP, TCP_CONGESTION,
             options.congestion_control, "congestion control")
        .set(!options.interface.empty(), SOL_SOCKET, SO_BINDTODEVICE, options.interface,
             "interface")
        .set(options.mark != 0, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark), "mark")
        .set(options.traffic_class != 0 && family == AF_INET, IPPROTO_IP, IP_TOS,
             int{options.traffic_class}, "traffic class")
        .set(options.traffic_class != 0 && family == AF_INET6, IPPROTO_IPV6, IPV6_TCLASS,
             int{options.traffic_class}, "traffic class");
    if (all.outcome() && options.keepalive) {
        all.outcome() = set_keepalive(fd, options.keepalive);
    }
    if (all.outcome() && options.user_timeout.count() != 0) {
        all.outcome() = set_user_timeout(fd, options.user_timeout);
    }
    return all.outcome();
}

result<void> apply_listen_options(int fd, int family, const tcp_options& options) {
    return settings(fd)
        .set(options.reuse_address, SOL_SOCKET, SO_REUSEADDR, 1, "reuse address")
        .set(options.reuse_port, SOL_SOCKET, SO_REUSEPORT, 1, "reuse port")
        .set(family == AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0, "v6 only")
        .set(options.fast_open, IPPROTO_TCP, TCP_FASTOPEN, options.backlog, "fast open")
        .outcome();
}

} // namespace runnel::inline v0::host
