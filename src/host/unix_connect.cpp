// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/sleep.hpp"
#include "socket_options.hpp"
#include "unix_address.hpp"
#include "unix_flow.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

/// Between two tries while the backlog of the other side is full; the kernel tells nobody when it
/// is not any more.
constexpr duration first_pause = std::chrono::milliseconds(1);
constexpr duration longest_pause = std::chrono::milliseconds(50);

task<result<unix_flow_ptr>> try_connect(const unix_address& to, const unix_options& options) {
    result<unique_fd> opened = open_socket(AF_UNIX, SOCK_STREAM);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (auto applied = set_send_buffer(opened->get(), options.send_buffer); !applied) {
        co_return fail(applied.error());
    }
    const socket_address address = to_socket_address(to);
    duration pause = first_pause;
    while (::connect(opened->get(), address.data(), address.size()) != 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno == EPROTOTYPE) {
            co_return fail(errc::not_supported, "not a stream socket");
        }
        if (errno != EAGAIN) {
            co_return fail(error::from_errno(errno));
        }
        if (const result<void> slept = co_await sleep_for(pause); !slept) {
            co_return fail(slept.error());
        }
        pause = std::min(2 * pause, longest_pause);
    }
    co_return make_unix_flow(std::move(*opened), {},
                             std::make_shared<const flow_address>(to.to_flow_address()));
}

} // namespace

task<result<unix_flow_ptr>> connect(unix_address to, unix_options options) {
    result<unix_flow_ptr> made = co_await try_connect(to, options);
    if (!made) {
        co_return fail(made.error().wrap("connect " + to.to_flow_address().to_string()));
    }
    co_return made;
}

result<std::pair<unix_flow_ptr, unix_flow_ptr>> make_socket_pair(unix_options options) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return fail(error::from_errno(errno, "socket pair"));
    }
    unique_fd first(ends[0]);
    unique_fd second(ends[1]);
    for (const int fd : ends) {
        if (auto applied = set_send_buffer(fd, options.send_buffer); !applied) {
            return fail(std::move(applied.error()));
        }
    }
    const auto unnamed = std::make_shared<const flow_address>("unix");
    result<unix_flow_ptr> left = make_unix_flow(std::move(first), unnamed, unnamed);
    if (!left) {
        return fail(left.error().wrap("socket pair"));
    }
    result<unix_flow_ptr> right = make_unix_flow(std::move(second), unnamed, unnamed);
    if (!right) {
        return fail(right.error().wrap("socket pair"));
    }
    return std::pair(std::move(*left), std::move(*right));
}

} // namespace runnel::inline v0::host
