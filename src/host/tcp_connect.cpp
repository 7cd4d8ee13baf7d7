// SPDX-License-Identifier: Apache-2.0
#include "io_operation.hpp"
#include "runnel/host/tcp.hpp"
#include "socket_address.hpp"
#include "socket_options.hpp"
#include "tcp_flow.hpp"
#include "tcp_progress.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

result<void> bind_to(int fd, const ip_endpoint& place) {
    const socket_address address(place);
    if (::bind(fd, address.data(), address.size()) != 0) {
        return fail(error::from_errno(errno, "bind to " + place.to_string()));
    }
    return {};
}

/// A socket with its options, bound where it was asked for.
result<unique_fd> open_client(const ip_endpoint& to, const tcp_options& options) {
    const int family = socket_address(to).family();
    result<unique_fd> opened = open_socket(family, SOCK_STREAM);
    if (!opened) {
        return opened;
    }
    const int fd = opened->get();
    if (auto set = apply_options(fd, family, options); !set) {
        return fail(std::move(set.error()));
    }
    if (options.fast_open) {
        if (auto set = set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1, "fast open"); !set) {
            return fail(std::move(set.error()));
        }
    }
    if (options.bind) {
        // The port is chosen with the peer, so that one local port serves many of them.
        static_cast<void>(set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "bind"));
        if (auto bound = bind_to(fd, *options.bind); !bound) {
            return fail(std::move(bound.error()));
        }
    }
    return opened;
}

task<result<tcp_flow_ptr>> try_connect(ip_endpoint to, tcp_options options) {
    result<unique_fd> opened = open_client(to, options);
    if (!opened) {
        co_return fail(opened.error());
    }
    const int fd = opened->get();
    const socket_address address(to);
    const bool at_once = ::connect(fd, address.data(), address.size()) == 0;
    if (!at_once && errno != EINPROGRESS) {
        co_return fail(error::from_errno(errno));
    }
    stream_options settings = stream_options_of(options);
    settings.unsent_syn = at_once && options.fast_open;
    result<stream_ptr> made = stream::open(std::move(*opened), stream_kind::tcp, settings);
    if (!made) {
        co_return fail(made.error());
    }
    if (!at_once) {
        const result<int> ready =
            co_await io_operation((*made)->file(), io_kind::writable, "TCP connect");
        if (!ready) {
            co_return fail(ready.error());
        }
        if (const int number = take_socket_error(fd); number != 0) {
            co_return fail(error::from_errno(number));
        }
    }
    std::optional<ip_endpoint> local;
    if (const auto own = socket_address::of_socket(fd); own && !settings.unsent_syn) {
        local = own->ip();
    }
    if (local == to) {
        // A free local port that happens to be the one we asked for connects to itself.
        co_return fail(errc::refused);
    }
    if (options.quick_ack) {
        static_cast<void>(set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1, "quick ack"));
    }
    co_return std::make_unique<kernel_tcp_flow>(
        std::move(*made), local, to.address().is_unspecified() ? std::nullopt : std::optional(to));
}

} // namespace

task<result<tcp_flow_ptr>> connect(ip_endpoint to, tcp_options options) {
    result<tcp_flow_ptr> made = co_await try_connect(to, options);
    if (!made) {
        co_return fail(made.error().wrap("connect tcp://" + to.to_string()));
    }
    co_return made;
}

} // namespace runnel::inline v0::host
