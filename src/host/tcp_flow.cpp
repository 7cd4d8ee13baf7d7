// SPDX-License-Identifier: Apache-2.0
#include "tcp_flow.hpp"

#include "socket_address.hpp"
#include "socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

flow_address as_tcp(const std::optional<ip_endpoint>& place) {
    return place ? flow_address("tcp", *place) : flow_address("tcp");
}

} // namespace

stream_options stream_options_of(const tcp_options& options) noexcept {
    return {.nodelay = options.nodelay,
            .cork = options.cork,
            .linger = options.linger.value_or(std::chrono::milliseconds(-1)),
            .zero_copy = options.zero_copy};
}

kernel_tcp_flow::kernel_tcp_flow(stream_ptr carried, std::optional<ip_endpoint> local,
                                 std::optional<ip_endpoint> remote, accepted_slot slot)
    : stream_flow(std::move(carried)), local_(local), remote_(remote), slot_(std::move(slot)) {
    if (!remote_) {
        // At once: the kernel forgets it when the connection is reset.
        if (const auto peer = socket_address::of_peer(carrier().fd())) {
            remote_ = peer->ip();
        }
    }
}

kernel_tcp_flow::~kernel_tcp_flow() {
    dying_ = true;
    abort();
}

void kernel_tcp_flow::learn_local() const {
    if (!local_ && carrier().fd() >= 0) {
        if (const auto own = socket_address::of_socket(carrier().fd())) {
            local_ = own->ip();
        }
    }
}

flow_address kernel_tcp_flow::local() const {
    learn_local();
    return as_tcp(local_);
}

flow_address kernel_tcp_flow::remote() const {
    return as_tcp(remote_);
}

void kernel_tcp_flow::do_close(control_operation& op) {
    learn_local();
    stream_flow::do_close(op);
}

void kernel_tcp_flow::do_abort() noexcept {
    if (!dying_) {
        learn_local();
    }
    stream_flow::do_abort();
}

result<int> kernel_tcp_flow::socket() const {
    if (carrier().fd() < 0) {
        return fail(errc::closed);
    }
    return carrier().fd();
}

result<void> kernel_tcp_flow::set_nodelay(bool on) {
    const result<int> fd = socket();
    if (!fd) {
        return fail(fd.error());
    }
    carrier().set_nodelay(on);
    return set_option(*fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "nodelay");
}

result<void> kernel_tcp_flow::set_cork(bool on) {
    const result<int> fd = socket();
    if (!fd) {
        return fail(fd.error());
    }
    carrier().set_cork(on);
    return set_option(*fd, IPPROTO_TCP, TCP_CORK, on ? 1 : 0, "cork");
}

result<void> kernel_tcp_flow::set_quick_ack(bool on) {
    const result<int> fd = socket();
    return fd ? set_option(*fd, IPPROTO_TCP, TCP_QUICKACK, on ? 1 : 0, "quick ack")
              : fail(fd.error());
}

result<void> kernel_tcp_flow::set_keepalive(std::optional<tcp_keepalive> probes) {
    const result<int> fd = socket();
    return fd ? host::set_keepalive(*fd, probes) : fail(fd.error());
}

result<void> kernel_tcp_flow::set_user_timeout(std::chrono::milliseconds limit) {
    const result<int> fd = socket();
    return fd ? host::set_user_timeout(*fd, limit) : fail(fd.error());
}

result<void> kernel_tcp_flow::set_congestion_control(std::string_view name) {
    const result<int> fd = socket();
    return fd ? host::set_congestion_control(*fd, name) : fail(fd.error());
}

} // namespace runnel::inline v0::host
