// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/inherited.hpp"

#include "runnel/host/stdio.hpp"
#include "tcp_flow.hpp"
#include "unix_flow.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace runnel::inline v0::host {
namespace {

std::string name_of(int fd) {
    return "fd:" + std::to_string(fd);
}

int socket_option(int fd, int option) noexcept {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// The family of a stream socket, of the kind that is wanted.
result<int> check_socket(int fd, bool listening) {
    if (socket_option(fd, SO_TYPE) != SOCK_STREAM) {
        return fail(errc::invalid_argument, name_of(fd) + " is not a stream socket");
    }
    if ((socket_option(fd, SO_ACCEPTCONN) == 1) != listening) {
        return fail(errc::invalid_argument,
                    name_of(fd) + (listening ? " is not listening" : " is a listening socket"));
    }
    const int family = socket_option(fd, SO_DOMAIN);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
        return fail(errc::invalid_argument, name_of(fd) + " is neither TCP nor a Unix socket");
    }
    return family;
}

/// Sockets are used without blocking, whatever they were before; nothing is passed on to programs.
void prepare(int fd) noexcept {
    static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
    static_cast<void>(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK));
}

result<flow_ptr> adopt_socket(unique_fd socket) {
    const auto family = check_socket(socket.get(), false);
    if (!family) {
        return fail(family.error());
    }
    prepare(socket.get());
    if (*family == AF_UNIX) {
        auto made = make_unix_flow(std::move(socket));
        if (!made) {
            return fail(made.error());
        }
        return flow_ptr(std::move(*made));
    }
    auto carried = stream::open(std::move(socket), stream_kind::tcp);
    if (!carried) {
        return fail(carried.error());
    }
    return std::make_unique<kernel_tcp_flow>(std::move(*carried), std::nullopt, std::nullopt);
}

} // namespace

result<flow_ptr> adopt_descriptor(unique_fd file) {
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail(error::from_errno(errno, name_of(file.get())));
    }
    if (S_ISSOCK(status.st_mode)) {
        return adopt_socket(std::move(file));
    }
    std::string name = name_of(file.get());
    return adopt_file(std::move(file), std::move(name));
}

result<listener_ptr> adopt_listener(unique_fd socket) {
    const auto family = check_socket(socket.get(), true);
    if (!family) {
        return fail(family.error());
    }
    prepare(socket.get());
    return *family == AF_UNIX ? make_unix_listener(std::move(socket))
                              : make_tcp_listener(std::move(socket), {});
}

} // namespace runnel::inline v0::host
