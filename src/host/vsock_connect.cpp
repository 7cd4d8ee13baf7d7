// SPDX-License-Identifier: Apache-2.0
#include "io_operation.hpp"
#include "tcp_progress.hpp"
#include "vsock_address.hpp"
#include "vsock_flow.hpp"

#include <cerrno>
#include <memory>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

task<result<vsock_flow_ptr>> try_connect(vsock_address to, vsock_options options) {
    result<unique_fd> opened = open_vsock(SOCK_STREAM, options);
    if (!opened) {
        co_return fail(opened.error());
    }
    const int fd = opened->get();
    const sockaddr_vm raw = to_socket_address(to);
    const bool at_once = ::connect(fd, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) == 0;
    if (!at_once && errno != EINPROGRESS) {
        co_return fail(vsock_connect_error(errno, to));
    }
    result<stream_ptr> made = stream::open(std::move(*opened), stream_kind::local);
    if (!made) {
        co_return fail(made.error());
    }
    if (!at_once) {
        const result<int> ready =
            co_await io_operation((*made)->file(), io_kind::writable, "vsock connect");
        if (!ready) {
            co_return fail(ready.error());
        }
        if (const int number = take_socket_error(fd); number != 0) {
            co_return fail(vsock_connect_error(number, to));
        }
    }
    const vsock_address own =
        vsock_of_socket(fd).value_or(vsock_address(vsock_address::any, vsock_address::any_port));
    co_return std::make_unique<kernel_vsock_flow>(std::move(*made), own, to);
}

} // namespace

task<result<vsock_flow_ptr>> connect(vsock_address to, vsock_options options) {
    if (to.cid() == vsock_address::any) {
        to = vsock_address(vsock_address::local, to.port());
    }
    result<vsock_flow_ptr> made = co_await try_connect(to, options);
    if (!made) {
        co_return fail(made.error().wrap("connect " + to.to_flow_address().to_string()));
    }
    co_return made;
}

} // namespace runnel::inline v0::host
